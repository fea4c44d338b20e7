"""Reading the pages of an app by their stable hooks: who is shown, and what a notice says."""

from __future__ import annotations

from html.parser import HTMLParser

# Elements of HTML that have no end tag.
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track")
)
# Elements that stand within a line of text.
_INLINE = frozenset(("a", "abbr", "b", "bdi", "code", "em", "i", "small", "span", "strong", "time"))
_TOLD_LIMIT = 500


class _Page(HTMLParser):
    """Notes the authors of messages, and the text of the first notice or error."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.authors: dict[str, str] = {}
        self.told = ""
        self.text = ""
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._part(tag)
        found = dict(attrs)
        if found.get("data-message-id") and found.get("data-author"):
            self.authors[str(found["data-message-id"])] = str(found["data-author"])
        classes = (found.get("class") or "").split()
        is_notice = found.get("role") == "alert" or "error-page" in classes
        if tag not in _VOID and (self._depth or (is_notice and not self.told)):
            self._depth += 1

    def handle_endtag(self, tag: str) -> None:
        self._part(tag)
        if self._depth:
            self._depth -= 1

    def _part(self, tag: str) -> None:
        """Keep the words of two blocks apart."""
        if tag not in _INLINE:
            self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._depth:
            self.told += data


def find_authors(html: str) -> dict[str, str]:
    """Return the names beside the messages of a page, by the ids of the messages."""
    return _read(html).authors


def find_notice(html: str) -> str:
    """Return what a page or a fragment tells its reader first: a notice, or an error."""
    page = _read(html)
    return " ".join((page.told or page.text).split())[:_TOLD_LIMIT]


def _read(html: str) -> _Page:
    page = _Page()
    page.feed(html)
    page.close()
    return page
