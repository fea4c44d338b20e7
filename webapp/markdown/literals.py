"""Parts of a line of text that stay as they were typed: formulas, Windows paths, Python names.

Markdown would take their backslashes for escapes, and their stars and underscores for emphasis.
"""

from __future__ import annotations

import re

from markdown_it.rules_inline import StateInline

from webapp.markdown.formulas import formula_end

# What may stand before the first backslash of a path: `C:`, `%TEMP%`, `.` or `..`.
_HEAD = re.compile(r"(?:(?<!\w)[A-Za-z]:|%\w{1,30}%|(?<![^\s(\"'])\.{1,2})\Z")
_HEAD_LENGTH = 40
_FIRST = r"\\(?=[\w.$%(]|\*(?![^\s.]))"
# Up to a space, if no other folder follows it. What ends bold text or a sentence is not in it.
_REST = r"(?:[^\s<>|\"`]| (?=[\w().-]+(?: [\w().-]+)?\\[A-Za-z0-9]))*(?<![*_~).,;:!?'\]])"
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


def keep_formula(state: StateInline, silent: bool) -> bool:
    """Keep a TeX formula as text."""
    if state.src[state.pos] not in "$\\":
        return False
    return _keep(state, formula_end(state.src, state.pos, state.posMax), silent=silent)


def keep_path(state: StateInline, silent: bool) -> bool:
    """Keep a Windows path, from its first backslash on."""
    if state.src[state.pos] != "\\":
        return False
    has_head = _HEAD.search(state.src, max(state.pos - _HEAD_LENGTH, 0), state.pos)
    match = (_PATH if has_head else _NETWORK_PATH).match(state.src, state.pos, state.posMax)
    return match is not None and _keep(state, match.end(), silent=silent)


def keep_name(state: StateInline, silent: bool) -> bool:
    """Keep a name such as ``__init__``, which would be bold without its underscores."""
    match = _NAME.match(state.src, state.pos, state.posMax)
    if match is None or (before := state.src[state.pos - 1 : state.pos]).isalnum():
        return False
    is_name = (
        match[0][2:-2] in PYTHON_NAMES
        or before in _BEFORE_NAMES
        or _AFTER_NAME.match(state.src, match.end(), state.posMax)
    )
    return bool(is_name) and _keep(state, match.end(), silent=silent)


def _keep(state: StateInline, end: int, *, silent: bool) -> bool:
    if end <= state.pos:
        return False
    if not silent:
        for number, line in enumerate(state.src[state.pos : end].split("\n")):
            if number:
                state.push("softbreak", "br", 0)
            state.push("text", "", 0).content = line
    state.pos = end
    return True
