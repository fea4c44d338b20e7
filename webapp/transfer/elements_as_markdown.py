"""What messages show beside their text, as Markdown to read."""

from __future__ import annotations

import json
import re
from collections.abc import Container
from typing import Any
from urllib.parse import quote

from webapp.transfer.exported_elements import LEFT_OUT, ExportedElement

INDENT = "    "
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_PICTURES = ("image", "pyplot")
_ADDRESS = re.compile(r"https?://[^\s<>()\[\]\\\"'`]+", re.ASCII)


def one_line(text: str) -> str:
    """Return a name or a title as one line, escaped so that Markdown shows it as it is."""
    return _PUNCTUATION.sub(r"\\\1", " ".join(text.split()))


def indent(text: str) -> str:
    """Return ``text`` with each line indented, whatever ends its lines."""
    return "".join(INDENT + line for line in text.splitlines(keepends=True))


def element_markdown(element: ExportedElement, paths: Container[str]) -> str:
    """Return an element as a paragraph: a picture, a link, a table, or JSON.

    Parameters
    ----------
    paths:
        The files that are beside the document.
    """
    data = element.data
    name = one_line(data.name) or data.kind.capitalize()
    if data.kind == "dataframe":
        csv = element.csv_path
        link = f"[{name}]({_target(csv)})" if csv in paths and csv else _link(name, element, paths)
        return f"\n{link}\n\n{_table(data.details)}"
    if data.kind == "custom":
        shown = {name: value for name, value in data.details.items() if name not in LEFT_OUT}
        props = json.dumps(shown, ensure_ascii=False, indent=2)
        return f"\n{name}:\n\n{indent(props)}\n"
    is_there = element.file is not None and element.file.path in paths
    mark = "!" if data.kind in _PICTURES and is_there else ""
    return f"\n{mark}{_link(name, element, paths)}\n"


def _link(name: str, element: ExportedElement, paths: Container[str]) -> str:
    file, url = element.file, element.data.url
    if file is not None:
        return (
            f"[{name}]({_target(file.path)})"
            if file.path in paths
            else f"{name} _(the file is not here)_"
        )
    if url is not None:
        return f"[{name}](<{url}>)" if _ADDRESS.fullmatch(url) else f"{name}: {one_line(url)}"
    return name


def _target(path: str) -> str:
    return quote(path, safe="/")


def _table(details: Any) -> str:
    """Return the first page of a table."""
    columns = [one_line(str(name)) or " " for name, _ in details.get("columns", ())]
    if not columns:
        return ""
    lines = [columns, ["---"] * len(columns)]
    lines += [
        ["" if cell is None else one_line(str(cell)) for cell in row]
        for row in details.get("head", ())
    ]
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    rows, shown = details.get("rows", 0), len(lines) - 2
    more = f"\n_{shown:,} of {rows:,} rows._\n" if rows > shown else ""
    return text + more
