"""Search on PostgreSQL, in a site of many users: what one finds should not cost by the others.

The user who is searched for most has said twenty times as much as everybody else. First a tenth of
the users are there, then all.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import psycopg
from history_data import COMMON, OWNER, RARE, Vocabulary
from history_visitor import Visitor, app_with
from postgresql_server import Server, postgresql, url

from webapp.chats.tokenizer import entry_words, owner_word, scoped_word
from webapp.config.settings import Settings
from webapp.database.schema import upgrade

MOST_SECONDS = 0.060
MOST_TIMES_SMALLER = 2.0
# Below this it is noise that differs.
QUICK_SECONDS = 0.020
# How many times as much the heavy user has said.
HEAVY = 20
TEXTS = 10_000
RARELY = 500
CHAT = 100
QUERIES = {
    "a frequent word": COMMON,
    "a rare word": RARE,
    "two words": f"{COMMON} ba",
    "one letter": "b",
}
TABLES = """
    CREATE UNLOGGED TABLE bench_texts (number int PRIMARY KEY, content text, words text);
    CREATE UNLOGGED TABLE bench_users (
        number int PRIMARY KEY, owner text, word text, scope text, share int
    );
"""
# One step: everybody says something, and the heavy user more. The words of a text get the scope of
# their owner, as `webapp.chats.tokenizer.Words` gives it to them.
SAY = """
    WITH said AS MATERIALIZED (
        SELECT u.owner, u.word, u.scope, t.content, t.words, u.number AS speaker,
            %(step)s * u.share + part AS place,
            md5('chat' || u.number || '-' || (%(step)s * u.share + part) / %(chat)s)::uuid AS chat,
            md5('message' || u.number || '-' || %(step)s * u.share + part)::uuid AS id
        FROM bench_users u CROSS JOIN LATERAL generate_series(0, u.share - 1) part
        JOIN bench_texts t ON t.number = (u.number * 7919 + %(step)s * u.share + part) %% %(texts)s
        WHERE u.number >= %(first)s AND u.number < %(last)s
    ), chats AS (
        INSERT INTO chats (id, owner, profile, written, "values", created_at, active_at, title)
        SELECT chat, owner, 'Quick', true, '{}', now(), now() - (3e6 - place) * interval '1 second',
            'Chat ' || place / %(chat)s
        FROM said WHERE place %% %(chat)s = 0
    ), messages AS (
        INSERT INTO messages (id, chat_id, sequence, kind, content, status, created_at, profile)
        SELECT id, chat, place %% %(chat)s + 1,
            CASE WHEN place %% 2 = 0 THEN 'user' ELSE 'assistant' END, content, 'complete', now(),
            'Quick'
        FROM said
    )
    INSERT INTO search_entries (chat_id, message_id, words)
    SELECT chat, id,
        (word || ' ' || scope || 'c' || replace(chat::text, '-', '') || ' '
            || scope || replace(words, ' ', ' ' || scope))::tsvector
    FROM said ORDER BY place, speaker
"""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a search took: its time on the wall, and the processor's, here and in the server."""

    median: float
    p95: float
    processor: float


def measure_searches(users: int, messages: int, rounds: int) -> list[str]:
    """Build the database, measure in it, print tables, and return the goals that are missed."""
    with tempfile.TemporaryDirectory() as name, postgresql(Path(name)) as server:
        address = url(server.port)
        upgrade(Settings(database_url=address))
        steps = messages // (users + HEAVY - 1)
        owners = [OWNER, *(f"user:u{number}" for number in range(1, users))]
        with psycopg.connect(address, autocommit=True) as connection:
            _copy_texts(connection, owners)
            _say(connection, steps, 0, users // 10)
            small = _measure(server, owners[1], rounds)
            _say(connection, steps, users // 10, users)
            large = _measure(server, owners[1], rounds)
    print(
        f"{users:,} users, {steps * (users + HEAVY - 1):,} messages: {steps * HEAVY:,} of the heavy"
        f" user, and {steps:,} of each other one\n\n{'milliseconds':40}{'a tenth':>10}{'all':>10}"
        f"{'p95':>10}{'processor':>12}"
    )
    for what, found in large.items():
        times = (small[what].median, found.median, found.p95)
        shown = "".join(f"{seconds * 1e3:10.1f}" for seconds in times)
        print(f"{what:40}{shown}{found.processor * 1e3:12.1f}")
    return [*_missed(small, large)]


def _copy_texts(connection: psycopg.Connection, owners: list[str]) -> None:
    connection.execute(TABLES)
    vocabulary = Vocabulary(random.Random(TEXTS))
    with connection.cursor().copy("COPY bench_texts FROM STDIN") as copy:
        for number in range(TEXTS):
            said = [vocabulary.text(10 if number % 2 else 40)]
            said += [COMMON] if number % 3 == 0 else []
            said += [RARE] if number % RARELY == 7 else []
            text = " ".join(said)
            # Without those of the owner and the chat.
            words = entry_words("", uuid.UUID(int=0), text).split(" ", 2)[2]
            copy.write_row((number, text, words))
    with connection.cursor().copy("COPY bench_users FROM STDIN") as copy:
        for number, owner in enumerate(owners):
            word = owner_word(owner)
            share = HEAVY if number == 0 else 1
            copy.write_row((number, owner, word, scoped_word(word, ""), share))


def _say(connection: psycopg.Connection, steps: int, first: int, last: int) -> None:
    """Let some users say everything, and index it at the end, which is quicker."""
    connection.execute("SET session_replication_role = replica")
    connection.execute("SET maintenance_work_mem = '512MB'")
    connection.execute("DROP INDEX ix_search_entries_words")
    values = {"first": first, "last": last, "chat": CHAT, "texts": TEXTS}
    for step in range(steps):
        connection.execute(SAY, {**values, "step": step})
    connection.execute("CREATE INDEX ix_search_entries_words ON search_entries USING gin (words)")
    connection.execute("VACUUM ANALYZE")


def _measure(server: Server, usual: str, rounds: int) -> dict[str, Found]:
    found = {}
    with app_with(url(server.port)) as app:
        for who, owner in (("heavy user", OWNER), ("usual user", usual)):
            visitor = Visitor(app).logged_in(owner)
            for what, query in QUERIES.items():
                path = f"/chats?{urlencode({'q': query})}"
                found[f"{who}: {what}"] = _repeat(visitor, path, server, rounds)
    return found


def _repeat(visitor: Visitor, path: str, server: Server, rounds: int) -> Found:
    visitor.get(path)
    times = []
    used = time.process_time() + server.cpu_seconds()
    for _ in range(rounds):
        began = time.perf_counter()
        visitor.get(path)
        times.append(time.perf_counter() - began)
    used = time.process_time() + server.cpu_seconds() - used
    return Found(
        median=statistics.median(times),
        p95=statistics.quantiles(times, n=20)[-1],
        processor=used / rounds,
    )


def _missed(small: dict[str, Found], large: dict[str, Found]) -> Iterator[str]:
    for what, found in large.items():
        if found.median > MOST_SECONDS:
            yield f"Missed: {what}: {found.median * 1e3:.0f} ms"
        grown = found.median / small[what].median
        if grown > MOST_TIMES_SMALLER and found.median > QUICK_SECONDS:
            yield f"Missed: {what}: {grown:.1f} x as long as with a tenth of the users"
