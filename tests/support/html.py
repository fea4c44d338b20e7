"""Reading HTML as elements, so that tests look at structure and not at strings."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser

VOID = frozenset(
    "area base br col embed hr img input link meta param source track wbr".split()  # noqa: SIM905
)


class Element:
    """One element: its tag, attributes, children and text."""

    def __init__(self, tag: str, attributes: dict[str, str], parent: Element | None) -> None:
        self.tag = tag
        self.attributes = attributes
        self.parent = parent
        self.children: list[Element | str] = []

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    def get(self, name: str) -> str | None:
        """Return the value of an attribute, or ``None``."""
        return self.attributes.get(name)

    def __bool__(self) -> bool:
        return True

    @property
    def text(self) -> str:
        """Return all text inside, as it would be read."""
        return "".join(c if isinstance(c, str) else c.text for c in self.children)

    @property
    def classes(self) -> list[str]:
        """Return the names in ``class``."""
        return self.attributes.get("class", "").split()

    def walk(self) -> Iterator[Element]:
        """Yield every element inside, in document order."""
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child.walk()

    def all(self, tag: str | None = None, **attributes: str) -> list[Element]:
        """Return the elements with this tag and these attributes (``data_testid="x"``)."""
        wanted = {name.rstrip("_").replace("_", "-"): v for name, v in attributes.items()}
        return [
            e
            for e in self.walk()
            if tag in (None, e.tag) and all(e.get(n) == v for n, v in wanted.items())
        ]

    def one(self, tag: str | None = None, **attributes: str) -> Element:
        """Return the only such element."""
        found = self.all(tag, **attributes)
        assert len(found) == 1, f"{len(found)} elements match {tag} {attributes}"
        return found[0]

    def with_class(self, name: str) -> list[Element]:
        """Return the elements of a class."""
        return [e for e in self.walk() if name in e.classes]


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {}, None)
        self._open = self.root

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        element = Element(tag, {n: v or "" for n, v in attrs}, self._open)
        self._open.children.append(element)
        if tag not in VOID:
            self._open = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:  # as in SVG
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.tag == tag, f"</{tag}> closes <{self._open.tag}>"
        assert self._open.parent is not None
        self._open = self._open.parent

    def handle_data(self, data: str) -> None:
        self._open.children.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment reached the page: {data[:60]}")


def parse(html: str) -> Element:
    """Return the root over what ``html`` holds; refuses tags that do not match."""
    builder = _Builder()
    # Each slice of a `Markup` would be a `Markup`, which takes longer than all else here.
    builder.feed(str(html))
    builder.close()
    assert builder._open is builder.root, f"<{builder._open.tag}> is never closed"
    return builder.root


def shape_of(element: Element) -> tuple[str, tuple[str, ...]]:
    """Return the tag and the attribute names: what untrusted text must never change."""
    return element.tag, tuple(sorted(element.attributes))
