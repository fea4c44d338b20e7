"""What the HTML of a message may hold, whatever its text."""

from __future__ import annotations

import re

from tests.support.html import Element

TAGS = set(
    "a abbr aside b blockquote br cite code del dfn em h2 h3 h4 h5 h6 hr i ins kbd li mark ol p "  # noqa: SIM905
    "pre q s samp small span strong sub sup table tbody td th thead tr u ul var wbr".split()
)
MATH_TAGS = set(
    "math mfrac mi mn mo mover mpadded mphantom mroot mrow mspace msqrt mstyle msub msubsup msup "  # noqa: SIM905
    "mtable mtd mtext mtr munder munderover".split()
)
MATH_VALUES = {
    "accent": "true|false",
    "accentunder": "true|false",
    "display": "block",
    "displaystyle": "true|false",
    "form": "prefix|infix|postfix",
    "largeop": "true|false",
    "linethickness": "0",
    "lspace": "0",
    "mathvariant": "normal",
    "maxsize": r"-?\d?(\.\d+)?e[mx]|0",
    "minsize": r"-?\d?(\.\d+)?e[mx]|0",
    "movablelimits": "true|false",
    "rspace": "0",
    "scriptlevel": "[+-]?[0-3]",
    "stretchy": "true|false",
    "width": r"-?\d?(\.\d+)?e[mx]|0",
}
ATTRIBUTES = {
    "a": {"href", "title", "rel", "target", "id", "aria-label"},
    "aside": {"class", "id"},
    "code": {"class"},
    "ol": {"start"},
    "p": {"class"},
    "span": {"class", "role", "aria-label", "aria-hidden"},
    "td": {"class"},
    "th": {"class"},
    "mrow": {"class"},
    "mtd": {"class"},
}
CLASSES = {
    "aside": "footnote|callout (note|tip|important|warning|caution)",
    "mrow": "box|strike",
    "mtd": "align-[clr]( line-r)?( line-b)?",
    "code": r"language-[\w+#.-]+",
    "p": "as-typed|callout-title",
    "span": "language-[a-z0-9]+|formula( display)?|source",
    "td": "align-[clr]|(align-[clr] )?wide",
    "th": "align-[clr]",
}
REL = "noopener noreferrer nofollow ugc"
ID = r"f[nr]-[0-9a-f]*-[\w.-]{1,40}"
WORDS = r"To do|Done|Footnote [\w.-]{1,40}|[\w.-]{1,40}, back"


def typed_text(element: Element) -> str:
    """Return the text as it was typed, with the source of formulas for the formulas."""
    parts = (c if isinstance(c, str) else typed_text(c) for c in element.children)
    return "" if element.tag == "math" else "".join(parts)


def check_elements(container: Element) -> None:
    """Check that no text has made an element or an attribute of its own."""
    for element in container.walk():
        is_math = element.tag in MATH_TAGS
        assert is_math or element.tag in TAGS
        allowed = ATTRIBUTES.get(element.tag, set())
        assert element.attributes.keys() <= (allowed | MATH_VALUES.keys() if is_math else allowed)
        for name, value in element.attributes.items():
            if name in MATH_VALUES:
                assert re.fullmatch(MATH_VALUES[name], str(value))
        assert re.fullmatch(ID, element.get("id") or "fn--1")
        assert re.fullmatch(WORDS, element.get("aria-label") or "Done")
        assert element.get("role") in {None, "img"}
        if element.tag == "math":
            assert element.parent is not None
            assert element.parent["class"] in {"formula", "formula display"}
        if "class" in element.attributes:
            assert re.fullmatch(CLASSES[element.tag], element["class"])
        if (element.get("href") or "").startswith("#"):
            assert re.fullmatch(ID, element["href"][1:])
            assert not {"target", "rel"} & element.attributes.keys()
        elif element.tag == "a":
            assert element["target"] == "_blank"
            assert element["rel"] == REL
            assert re.match(r"(?i)https?://[^/\\]|mailto:|/(?![/\\])|\Z", element.get("href") or "")
