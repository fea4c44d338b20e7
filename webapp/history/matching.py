"""What is searched for, in the language of each database's full-text search."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from webapp.chats.tokenizer import Term, chat_word, owner_word


@dataclass(frozen=True)
class Operators:
    """How a database writes that both, one, or not the other must be there; and a beginning."""

    both: str
    either: str
    but_not: str
    prefix: str


# https://www.sqlite.org/fts5.html#full_text_query_syntax
SQLITE = Operators(" AND ", " OR ", " NOT ", "*")
# https://www.postgresql.org/docs/current/datatype-textsearch.html#DATATYPE-TSQUERY
POSTGRESQL = Operators(" & ", " | ", " & !", ":*")


@dataclass(frozen=True)
class Matching:
    """What an entry must have to be found: whose it is, and all terms of a search.

    The words are letters and digits, so nothing that a user types is read as an operator.
    """

    owner: str
    terms: tuple[Term, ...]
    operators: Operators

    def query(
        self, within: Collection[uuid.UUID] = (), apart_from: Collection[uuid.UUID] = ()
    ) -> str:
        """Return the query: in any chat of the owner, or only in some, and in others not."""
        write = self.operators
        needed = [owner_word(self.owner), *map(self._written, self.terms)]
        if within:
            needed.append(self._any_of(within))
        query = f"({write.both.join(needed)})"
        return f"{query}{write.but_not}{self._any_of(apart_from)}" if apart_from else query

    def _written(self, term: Term) -> str:
        return term.word + (self.operators.prefix if term.is_prefix else "")

    def _any_of(self, chats: Iterable[uuid.UUID]) -> str:
        return f"({self.operators.either.join(map(chat_word, chats))})"
