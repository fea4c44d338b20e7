"""A search in the query language of each database's full-text search."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from webapp.chats.tokenizer import Term, chat_word, owner_word, scoped_word


@dataclass(frozen=True)
class Operators:
    """The operators of a query language: and, or, and not, and the mark of a prefix.

    Parameters
    ----------
    is_scoped:
        Whether each word says whose it is.
    """

    both: str
    either: str
    but_not: str
    prefix: str
    is_scoped: bool


# https://www.sqlite.org/fts5.html#full_text_query_syntax
SQLITE = Operators(" AND ", " OR ", " NOT ", "*", is_scoped=False)
# https://www.postgresql.org/docs/current/datatype-textsearch.html#DATATYPE-TSQUERY
POSTGRESQL = Operators(" & ", " | ", " & !", ":*", is_scoped=True)


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
        words = [
            self._scoped(term.word) + (syntax.prefix if term.is_prefix else "")
            for term in self.terms
        ]
        # Also where words are scoped: PostgreSQL takes a beginning for frequent, and an owner not.
        needed = [owner_word(self.owner), *words]
        if within:
            needed.append(self._any_of(within))
        query = f"({syntax.both.join(needed)})"
        return f"{query}{syntax.but_not}{self._any_of(apart_from)}" if apart_from else query

    def _any_of(self, chats: Iterable[uuid.UUID]) -> str:
        return f"({self.operators.either.join(self._scoped(chat_word(chat)) for chat in chats)})"

    def _scoped(self, word: str) -> str:
        return scoped_word(owner_word(self.owner), word) if self.operators.is_scoped else word
