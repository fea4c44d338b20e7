r"""Formulas as MathML, which browsers and screen readers read.

latex2mathml reads the TeX and makes a tree. It escapes nothing, writes some attributes that
browsers have given up, and shows unknown commands as text. So the tree is written here: only known
elements and attributes, all text escaped. A formula with an unknown command is not typeset.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from html import escape, unescape
from importlib import import_module
from typing import Any

# One of `xml.etree`. Nothing here may import that, since it reads entities.
Element = Any

# Longer and deeper formulas are shown as they were typed.
LENGTH_LIMIT = 2_000
DEPTH_LIMIT = 40
KEPT = 1_000
# Short formulas come again and again: in each step of a text that grows, and on each page.
KEPT_LENGTH = 300

# Commands that define others, of which few characters make a text of any length.
_DEFINING = re.compile(r"\\(?:def|newcommand|let|renewcommand|providecommand)\b")
_ENVIRONMENT = re.compile(r"\\begin\s*\{\s*([^{}]{0,20})")
_ENVIRONMENTS = set(
    "align align* alignat alignat* aligned alignedat array bmatrix Bmatrix cases dcases eqnarray "  # noqa: SIM905
    "eqnarray* equation equation* flalign flalign* gather gather* gathered matrix multline "
    "multline* pmatrix smallmatrix split vmatrix Vmatrix".split()
)
# What has no meaning in a message, and what the library does not know by its usual name. A percent
# sign begins a comment in TeX, and nobody writes comments in formulas of a chat.
_REWRITTEN = [
    (re.compile(r"(?<!\\)((?:\\\\)*)%"), r"\1\\%"),
    (re.compile(r"\\label\s*\{[^{}]*\}|\\(?:nonumber|notag)\b"), ""),
    (re.compile(r"\\begin\{align(?:at\*?|edat)\}\s*\{\d\}"), r"\\begin{align*}"),
    (re.compile(r"\\(begin|end)\{(?:align\w*|split|eqnarray|flalign)\*?\}"), r"\\\1{align*}"),
    (re.compile(r"\\(begin|end)\{(?:gather|gathered|multline)\*?\}"), r"\\\1{matrix}"),
    (re.compile(r"\\(begin|end)\{dcases\}"), r"\\\1{cases}"),
    (re.compile(r"\\arg\b"), r"\\operatorname{arg}"),
    (re.compile(r"\\([RNZQC])\b"), r"\\mathbb{\1}"),
]

# The library leaves these as they are where a large one is asked for.
_LARGE = dict(
    zip(
        r"\{ \} \lbrace \rbrace \| \Vert \langle \rangle \lfloor \rfloor \lceil \rceil".split(),  # noqa: SIM905
        "{}{}‖‖⟨⟩⌊⌋⌈⌉",
        strict=True,
    )
)
# What formulas may hold. The allow-list has the same.
MATH_TAGS = set(
    "math mfrac mi mn mo mover mpadded mphantom mroot mrow mspace msqrt mstyle msub msubsup msup "  # noqa: SIM905
    "mtable mtd mtext mtr munder munderover".split()
)
# A length of at most ten letters, so that nothing in a formula moves far from it.
_LENGTH = re.compile(r"-?\d?(?:\.\d{1,4})?e[mx]|0")
_BOOLEAN = re.compile(r"true|false")
MATH_VALUES = {
    "accent": _BOOLEAN,
    "accentunder": _BOOLEAN,
    "display": re.compile(r"block"),
    "displaystyle": _BOOLEAN,
    "form": re.compile(r"prefix|infix|postfix"),
    "largeop": _BOOLEAN,
    "linethickness": re.compile(r"0"),
    "lspace": re.compile(r"0"),
    "mathvariant": re.compile(r"normal"),
    "maxsize": _LENGTH,
    "minsize": _LENGTH,
    "movablelimits": _BOOLEAN,
    "rspace": re.compile(r"0"),
    "scriptlevel": re.compile(r"[+-]?[0-3]"),
    "stretchy": _BOOLEAN,
    "width": _LENGTH,
}
# How many parts these have.
_PARTS = {"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "mover": 2, "munder": 2}
_PARTS |= {"msubsup": 3, "munderover": 3}
# What stands under these in a formula of its own, and beside them in a line of text.
_LIMITS = {"lim", "max", "min", "sup", "inf", "det", "gcd", "Pr"}
_LIMITS |= set("∑∏∐⨀⨁⨂⨄⨆\u22c0\u22c1\u22c2\u22c3")  # also unions and the like
# What TeX takes for a letter, with no space around it.
_BARS = {"|", "‖"}
_UNDER = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}

_ENTITY = re.compile(r"&#x[0-9A-Fa-f]{1,6};")
_UPRIGHT = re.compile(r"&#x000[46][1-9A-F];|&#x000[57][0-9A];")
_LETTERS = re.compile(r'<mi mathvariant="normal">([A-Za-z])</mi>')
_NAME = re.compile(rf"(?:{_LETTERS.pattern}){{2,}}")
_LETTER = re.compile(r"(?:LATIN|GREEK) ((?:CAPITAL|SMALL) )LETTER (\w+)|(DIGIT \w+)")


class _UnreadableError(Exception):
    """The formula has something that cannot be shown."""


def mathml(source: str) -> str | None:
    r"""Return a formula as MathML, or ``None`` if it is shown as it was typed.

    Parameters
    ----------
    source
        The formula with its marks, as in ``$x$``, ``\(x\)`` or ``\begin{align}x\end{align}``.
    """
    if len(source) > LENGTH_LIMIT:
        return None
    return kept_formula(source) if len(source) <= KEPT_LENGTH else _typeset(source)


def formula_html(source: str) -> str | None:
    """Return a formula for reading and, where nobody sees it, as it was typed, for copying."""
    math = mathml(source)
    if math is None:
        return None
    typed = f'<span class="source" aria-hidden="true">{escape(source, quote=False)}</span>'
    if is_display(source):
        return f'<span class="formula display">{math}{typed}</span>'
    return f'<span class="formula">{math}</span>{typed}'


def cost(source: str) -> int:
    """Return what typesetting a formula costs at most, compared with others."""
    return min(len(source), LENGTH_LIMIT) + 10


def is_display(source: str) -> bool:
    """Return whether a formula stands on a line of its own."""
    return source.startswith(("$$", "\\[", "\\begin"))


def _typeset(source: str) -> str | None:
    tex = source
    if not source.startswith("\\begin"):
        marks = 2 if source.startswith(("$$", "\\")) else 1
        tex = source[marks:-marks]
    if _DEFINING.search(tex) or not set(_ENVIRONMENT.findall(tex)) <= _ENVIRONMENTS:
        return None
    for pattern, replacement in _REWRITTEN:
        tex = pattern.sub(replacement, tex)
    try:
        tree = _read(tex, display=is_display(source))
        if any(element.get("linebreak") for element in tree.iter("mspace")):
            # Browsers break no line of a formula. A table has lines.
            tree = _read(f"\\begin{{matrix}}{tex}\\end{{matrix}}", display=is_display(source))
        if not any(element.text for element in tree.iter()):
            return None
        inner = "".join(map(_write, tree))
    except (_UnreadableError, RecursionError):
        return None
    block = ' display="block"' if is_display(source) else ""
    return f"<math{block}>{inner}</math>"


kept_formula = lru_cache(KEPT)(_typeset)


def _read(tex: str, *, display: bool) -> Element:
    # With the first formula only: it takes 14 MiB.
    library = import_module("latex2mathml.converter")
    try:
        return library.convert_to_element(tex, display="block" if display else "inline")
    except Exception as error:  # its own, and whatever odd input makes of its lookups
        raise _UnreadableError from error


def _write(element: Element, depth: int = 0) -> str:
    if depth > DEPTH_LIMIT or len(element) != _PARTS.get(element.tag, len(element)):
        raise _UnreadableError
    tag, attributes = _describe(element)
    text = element.text or ""
    is_unknown = text.startswith("\\") and text not in _LARGE
    if tag not in MATH_TAGS or is_unknown or (text == "&" and tag == "mi"):
        raise _UnreadableError  # such as an unknown command, or a cell outside of a table
    text = _LARGE.get(text) or _decode(element)
    style = element.get("mathvariant", "normal")
    if tag == "mtext":
        text = re.sub(r"\\([$%&#_{}])", r"\1", text)
    elif style != "normal":
        text = "".join(_styled(letter, style) for letter in text)
    inner = escape(text, quote=False) + "".join(_write(child, depth + 1) for child in element)
    if tag == "mrow" and not attributes:
        if len(element) == 1:
            return inner
        # The letters of a name. More than one letter is upright.
        inner = _NAME.sub(lambda match: _LETTERS.sub(r"\1", f"<mi>{match[0]}</mi>"), inner)
    written = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f"<{tag}{written}>{inner}</{tag}>"


def _describe(element: Element) -> tuple[str, dict[str, str]]:
    """Return the tag and attributes of an element as browsers know them."""
    tag = element.tag
    attributes = {
        name: value
        for name, value in element.attrib.items()
        if name in MATH_VALUES and MATH_VALUES[name].fullmatch(value)
    }
    if tag == "menclose":
        attributes["class"] = "box" if element.get("notation") == "box" else "strike"
        return "mrow", attributes
    if tag == "mo" and len(element):
        return "mrow", attributes
    if tag in _UNDER and _takes_limits(element[0]):
        element[0].set("movablelimits", "true")
        return _UNDER[tag], attributes
    if tag in {"mover", "munder"} and element[0].tag != "mo" and element[1].tag == "mo":
        attributes["accent" if tag == "mover" else "accentunder"] = "true"
    elif tag == "mo" and _decode(element) in _BARS and element.get("stretchy") == "false":
        attributes |= {"lspace": "0", "rspace": "0"}
    elif tag == "mtable":
        _draw_lines(element)
    elif tag == "mtd":
        align = f"align-{element.get('columnalign', 'center')[0]}"
        attributes["class"] = " ".join(filter(None, (align, element.get("lines"))))
    elif tag == "mi" and _UPRIGHT.fullmatch(element.text or ""):
        attributes["mathvariant"] = "normal"
    return tag, attributes


def _takes_limits(element: Element) -> bool:
    """Return whether this is an operator such as ``lim``."""
    is_known = element.get("movablelimits") == "true" or _decode(element) in _LIMITS
    return element.tag == "mo" and is_known


def _decode(element: Element) -> str:
    """Return the text of an element. The library writes characters as numbers."""
    return _ENTITY.sub(lambda entity: unescape(entity[0]), element.text or "")


def _draw_lines(table: Element) -> None:
    """Give the cells of a table the lines beside and below them, which browsers do not draw."""
    columns = table.get("columnlines", "").split()
    rows = table.get("rowlines", "").split()
    for number, row in enumerate(table):
        below = ["line-b"] if "solid" in rows[number : number + 1] else []
        for place, cell in enumerate(row):
            lines = ["line-r"] if "solid" in columns[place : place + 1] else []
            cell.set("lines", " ".join(lines + below))


@lru_cache(256)
def _styled(letter: str, style: str) -> str:
    """Return a letter in a style of its own, such as the ``R`` of the real numbers."""
    match = _LETTER.fullmatch(unicodedata.name(letter, ""))
    if match is None:
        return letter
    name = match[3] or f"{match[1]}{match[2]}"
    words = style.upper().replace("-ITALIC", " ITALIC").replace("BOLD-", "BOLD ")
    for prefix in (f"MATHEMATICAL {words}", words.replace("FRAKTUR", "BLACK-LETTER")):
        try:
            return unicodedata.lookup(f"{prefix} {name}")
        except KeyError:
            continue
    return letter
