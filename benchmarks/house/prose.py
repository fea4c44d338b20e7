"""What a project's documents are written like, and references that explain nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CHANGELOG.md", "docs/**/*.md")
CODE_BLOCK = re.compile(r"^ *(```|~~~).*?^ *\1 *$", re.MULTILINE | re.DOTALL)
CODE_WORDS = re.compile(r"`[^`]*`")
YOU = re.compile(r"\byou(?:r|rs|rself|rselves)?\b", re.IGNORECASE)
# A number from a list of requirements, such as R and a 12 behind it.
NUMBER = re.compile(r"\bR\d{1,3}\b")


@dataclass(frozen=True, kw_only=True)
class Prose:
    """Counts of one document, or of several."""

    name: str
    words: int
    semicolons: int
    yous: int

    def rate(self, count: int) -> float:
        """Return it per 1,000 words."""
        return 1_000 * count / self.words if self.words else 0.0


def read_prose(name: str, text: str) -> Prose:
    """Count in Markdown, without blocks of code and without code between words."""
    text = CODE_WORDS.sub("code", CODE_BLOCK.sub("", text))
    return Prose(
        name=name,
        words=len(text.split()),
        semicolons=text.count(";"),
        yous=len(YOU.findall(text)),
    )


def read_documents(project: Path) -> list[Prose]:
    return [
        read_prose(path.relative_to(project).as_posix(), path.read_text(encoding="utf-8"))
        for pattern in DOCUMENTS
        for path in sorted(project.glob(pattern))
    ]


def add_up(documents: Sequence[Prose]) -> Prose:
    return Prose(
        name="all",
        words=sum(document.words for document in documents),
        semicolons=sum(document.semicolons for document in documents),
        yous=sum(document.yous for document in documents),
    )


def find_numbers(folders: Sequence[Path]) -> Iterator[str]:
    """Yield where a requirement's number stands in for an explanation."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix not in (".py", ".html"):
                continue
            place = path.relative_to(folder.parent).as_posix()
            for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                for number in NUMBER.findall(text):
                    yield f"{place}:{line} {number}"
