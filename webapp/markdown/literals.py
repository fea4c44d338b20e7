"""Parts of a line of text that are no Markdown: formulas, Windows paths, Python names.

Markdown would take their backslashes for escapes, and their stars and underscores for emphasis.
Formulas are typeset. All else stays as it was typed.
"""

from __future__ import annotations

import re

from markdown_it.rules_inline import StateInline

from webapp.markdown.formulas import formula_end
from webapp.markdown.mathml import cost, formula_html

# What may stand before the first backslash of a path: `C:`, `%TEMP%`, `.` or `..`.
_HEAD = re.compile(r"(?:(?<!\w)[A-Za-z]:|%\w{1,30}%|(?<![^\s(\"'])\.{1,2})\Z")
_HEAD_LENGTH = 40
_FIRST = r"\\(?=[\w.$%(]|\*(?![^\s.]))"
# Up to a space, if no other folder follows it. What ends bold text or a sentence is not in it.
_NEXT_FOLDER = r"[\w().-]+(?: [\w().-]+)?\\(?:[A-Za-z0-9]|\*(?![^\s.]))"
_REST = rf"(?:[^\s<>|\"`]| (?={_NEXT_FOLDER}))*(?<![*_~).,;:!?'\]])"
_PATH = re.compile(_FIRST + _REST)
_NETWORK_PATH = re.compile(rf"\\\\[\w.$-]+\\[\w.$-]+(?:{_FIRST}{_REST})?")

_NAME = re.compile(r"__[a-z][a-z0-9_]*?__(?!\w)")
_BEFORE_NAMES = frozenset("./")
# A file or folder with such a name, a call, or something that it holds.
_AFTER_NAME = re.compile(r"[(/\[]|\.\w")
PYTHON_NAMES = frozenset(
    "abs add all and annotations bool builtins bytes call class code contains copy debug "  # noqa: SIM905
    "del delattr delitem dict dir doc enter eq exit file float format future ge get getattr "
    "getattribute getitem getstate globals gt hash iadd import index init int invert iter le len "
    "loader lt main missing mod module mro mul name ne neg new next or package path post_init "
    "pow proto pycache qualname radd reduce repr reversed round rmul set set_name setattr setitem "
    "setstate sizeof slots spec str sub subclasses truediv typename version xor".split()
)


def keep_literal(state: StateInline, silent: bool) -> bool:
    """Keep what is no Markdown, though it has the marks of Markdown."""
    # One rule for all: each rule is called at each mark of the text.
    text, place = state.src, state.pos
    if text[place] not in "$\\_":
        return False
    formula = 0 if text[place] == "_" else formula_end(text, place, state.posMax)
    end = formula
    if text[place] == "_":
        end = _name_end(text, place, state.posMax)
    elif text[place] == "\\" and not formula:
        end = _path_end(text, place, state.posMax)
    if end <= place:
        return False
    html = None
    if formula and not silent and state.env["formulas"] > 0:
        html = formula_html(text[place:end])
        state.env["formulas"] -= cost(text[place:end])
    if html:
        state.push("html_inline", "", 0).content = html
    elif not silent:
        for number, line in enumerate(text[place:end].split("\n")):
            if number:
                state.push("softbreak", "br", 0)
            state.push("text", "", 0).content = line
    state.pos = end
    return True


def _path_end(text: str, place: int, limit: int) -> int:
    """Return where a Windows path ends whose first backslash is here, or 0."""
    has_head = _HEAD.search(text, max(place - _HEAD_LENGTH, 0), place)
    match = (_PATH if has_head else _NETWORK_PATH).match(text, place, limit)
    return match.end() if match else 0


def _name_end(text: str, place: int, limit: int) -> int:
    """Return where a name such as ``__init__`` ends, or 0. It would be bold otherwise."""
    match = _NAME.match(text, place, limit)
    if match is None or (before := text[place - 1 : place]).isalnum():
        return 0
    is_name = (
        match[0][2:-2] in PYTHON_NAMES
        or before in _BEFORE_NAMES
        or _AFTER_NAME.match(text, match.end(), limit)
    )
    return match.end() if is_name else 0
