"""The fields of a form that an app asks in: what may be sent in each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from html.parser import HTMLParser
from typing import Any

CHOICES = frozenset(("checkbox", "radio"))
# What a browser sends for a box that is ticked and has no value.
TICKED = "on"


@dataclass
class FormField:
    """One field, or several of the same name.

    Parameters
    ----------
    options:
        What may be chosen; ``None`` if anything may be written.
    """

    name: str
    options: list[str] | None = None
    multiple: bool = False
    required: bool = False

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FormField:
        """Return a stored field."""
        return cls(**data)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, FormField] = {}
        self._select: FormField | None = None
        # The text of an option without a value.
        self._text: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        if tag in ("input", "select", "textarea") and name:
            known = self.fields.get(name)
            found = self.fields[name] = known or FormField(name)
            found.required |= "required" in given
            kind = given.get("type") if tag == "input" else tag
            if kind in CHOICES:
                found.options = [*(found.options or []), given.get("value") or TICKED]
                found.multiple = kind == "checkbox" and known is not None
            elif tag == "select":
                found.options, self._select = [], found
                found.multiple = "multiple" in given
        self._end_option()
        if tag == "option" and self._select is not None:
            if "value" in given:
                self._add_option(given["value"] or "")
            else:
                self._text = []

    def handle_endtag(self, tag: str) -> None:
        if tag in ("option", "select", "optgroup"):
            self._end_option()
        if tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def _end_option(self) -> None:
        if self._text is not None:
            self._add_option(" ".join("".join(self._text).split()))
            self._text = None

    def _add_option(self, value: str) -> None:
        if self._select is not None and self._select.options is not None:
            self._select.options.append(value)


def list_fields(html: str) -> list[dict[str, Any]]:
    """Return the fields of a template's HTML, as JSON."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return [asdict(found) for found in reader.fields.values()]
