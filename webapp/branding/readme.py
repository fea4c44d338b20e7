"""The readme of an app: Chainlit's `chainlit.md`, in the language of the browser if it is there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from webapp.authoring.loading.site_text import SiteTextError, read_site_text

DEFAULT = "chainlit.md"
BYTES_READ = 200_000
# More languages are not read.
LANGUAGES_READ = 50
_TRANSLATED = re.compile(r"chainlit_([A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,2})\.md")


def read_readmes(folder: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the texts by language, ``""`` for any, and a line for each that cannot be used."""
    texts: dict[str, str] = {}
    problems = []
    for language, file in _list_files(folder):
        try:
            text = read_site_text(file, BYTES_READ)
        except SiteTextError as error:
            problems.append(f"{file.name} {error}, so it is not shown.")
            continue
        if text and text.strip():
            texts[language] = text
    return texts, tuple(problems)


def choose_readme(texts: dict[str, str], languages: Iterable[str]) -> str | None:
    """Return the language of the text for a reader, or ``None`` if there is no text.

    Parameters
    ----------
    languages:
        What the browser asks for, the best first.
    """
    for language in languages:
        wanted = language.lower().replace("_", "-")
        for candidate in (wanted, wanted.partition("-")[0]):
            if candidate in texts:
                return candidate
    return "" if "" in texts else next(iter(texts), None)


def _list_files(folder: Path) -> Iterable[tuple[str, Path]]:
    yield "", folder / DEFAULT
    try:
        files = sorted(folder.glob("chainlit_*.md"))[:LANGUAGES_READ]
    except OSError:
        return
    for file in files:
        if named := _TRANSLATED.fullmatch(file.name):
            yield named[1].lower().replace("_", "-"), file
