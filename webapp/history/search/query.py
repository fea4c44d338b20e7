"""A search in the query language of each database's full-text search."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from webapp.chats.tokenizer import Term, chat_word, owner_word


@dataclass(frozen=True)
class Operators:
    """The operators of a query language: and, or, and not, and the mark of a prefix."""

    both: str
    either: str
    but_not: str
    prefix: str


# https://www.sqlite.org/fts5.html#full_text_query_syntax
SQLITE = Operators(" AND ", " OR ", " NOT ", "*")
# https://www.postgresql.org/docs/current/datatype-textsearch.html#DATATYPE-TSQUERY
POSTGRESQL = Operators(" & ", " | ", " & !", ":*")


@dataclass(frozen=True)
class SearchQuery:
    """The conditions of a search: the owner of the entries, and all terms.

    The words are letters and digits, so the database reads nothing that a user types as an
    operator.
    """

    owner: str
    terms: tuple[Term, ...]
    operators: Operators

    def match(
        self, within: Collection[uuid.UUID] = (), apart_from: Collection[uuid.UUID] = ()
    ) -> str:
        """Return the query text, for all chats of the owner, or within or apart from some."""
        syntax = self.operators
        words = [term.word + (syntax.prefix if term.is_prefix else "") for term in self.terms]
        needed = [owner_word(self.owner), *words]
        if within:
            needed.append(self._any_of(within))
        query = f"({syntax.both.join(needed)})"
        return f"{query}{syntax.but_not}{self._any_of(apart_from)}" if apart_from else query

    def _any_of(self, chats: Iterable[uuid.UUID]) -> str:
        return f"({self.operators.either.join(map(chat_word, chats))})"
