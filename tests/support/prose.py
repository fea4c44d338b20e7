"""What the HTML of a message may hold, whatever its text."""

from __future__ import annotations

import re

from tests.support.html import Element

TAGS = set(
    "a abbr b blockquote br cite code del dfn em h2 h3 h4 h5 h6 hr i ins kbd li mark ol p pre q "  # noqa: SIM905
    "s samp small span strong sub sup table tbody td th thead tr u ul var wbr".split()
)
ATTRIBUTES = {
    "a": {"href", "title", "rel", "target"},
    "code": {"class"},
    "ol": {"start"},
    "p": {"class"},
    "span": {"class"},
    "td": {"class"},
    "th": {"class"},
}
CLASSES = {
    "code": r"language-[\w+#.-]+",
    "p": "as-typed",
    "span": "language-[a-z0-9]+",
    "td": "align-[clr]|(align-[clr] )?wide",
    "th": "align-[clr]",
}
REL = "noopener noreferrer nofollow ugc"


def check_elements(container: Element) -> None:
    """Check that no text has made an element or an attribute of its own."""
    for element in container.walk():
        assert element.tag in TAGS
        assert element.attributes.keys() <= ATTRIBUTES.get(element.tag, set())
        if "class" in element.attributes:
            assert re.fullmatch(CLASSES[element.tag], element["class"])
        if element.tag == "a":
            assert element["target"] == "_blank"
            assert element["rel"] == REL
            assert re.match(r"(?i)https?://[^/\\]|mailto:|/(?![/\\])|\Z", element.get("href") or "")
