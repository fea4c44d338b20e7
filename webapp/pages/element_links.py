"""Links to the elements of a message that are shown beside the chat or on a page of their own."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from webapp.authoring.chat_message import ChatMessage, ElementData
from webapp.markdown.name_links import NameLinks, Target


class ElementLinks:
    """Makes links of the names in the text of one message.

    Parameters
    ----------
    elements
        Each with its address.
    """

    def __init__(self, elements: Iterable[tuple[ElementData, str]]) -> None:
        self.addresses: dict[object, str] = {}
        # Of two with one name, the first gets the link in the text.
        self._by_name: dict[str, ElementData] = {}
        for element, address in elements:
            self.addresses[element.id] = address
            self._by_name.setdefault(element.name, element)
        self._names = NameLinks(
            {
                name: Target(self.addresses[element.id], element.display == "side")
                for name, element in self._by_name.items()
            }
        )

    def link(self, html: Markup) -> Markup:
        """Return the HTML of blocks of the message, with the names in it as links."""
        return self._names.link(html) if self.addresses else html

    @property
    def found(self) -> frozenset[str]:
        """The names that were found so far."""
        return frozenset(self._names.found)

    def left_out(self, message: ChatMessage) -> list[ElementData]:
        """Return the elements whose names the text does not have, so far as it was linked."""
        shown = {it.id for name, it in self._by_name.items() if name in self._names.found}
        return [it for it in message.elements if it.id in self.addresses and it.id not in shown]
