"""What the measured apps say: an answer as models write them, and who says it how fast.

A message is a command. `echo WORDS` is answered at once; `stamp WAIT` after so many seconds, with
the time in its first token; `stream TOKENS PAUSE` with so many tokens, so many seconds apart.
`quiet TOKENS PAUSE` takes its time in the same way, and says no more than the last token. `threads`
tells their names.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable, Iterator

TOKENS = 2_000
LAST_WORDS = "That is the whole answer."
# Enough to be recognised among the numbers of a page.
STAMP = "stamp-{}-here"
_PARAGRAPH = """\
A connection pool keeps **open connections** so that a request does not have to make its own. With \
SQLite that saves a few file handles; with PostgreSQL it saves a *process* on the server, and the \
time that it takes to start. See [the manual](https://example.org/pooling) for the numbers.
"""
_LIST = """\
- Take one at the beginning of a request, with `pool.connect()`
- Give it back **before** anything slow happens:
  - a call to another service
  - an answer that is streamed
- Never keep one over two requests
"""
_STEPS = """\
1. Set `pool_size` to the number of threads
2. Let `max_overflow` be as large again
3. Look at the log: *QueuePool limit reached* means that somebody keeps what they took
"""
_CODE = """\
```python
from sqlalchemy import create_engine, text

engine = create_engine("postgresql+psycopg://app@db/app", pool_size=32, pool_pre_ping=True)

def names(limit: int = 10) -> list[str]:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT name FROM people LIMIT :n"), {"n": limit})
        return [row.name for row in rows]
```
"""
_TABLE = """\
| setting | small site | large site | what it is for |
|---|---:|---:|---|
| `pool_size` | 5 | 32 | connections that stay open |
| `max_overflow` | 10 | 64 | those that come and go |
| `pool_timeout` | 30 s | 5 s | how long a request waits for one |
| `pool_recycle` | off | 1,800 s | when one is thrown away |
"""
_SECTION = [_PARAGRAPH, _LIST, _PARAGRAPH, _CODE, _STEPS, _TABLE, _PARAGRAPH]


def tokens(count: int) -> list[str]:
    """Return an answer of ``count`` tokens, each a word or a part of one."""
    found: list[str] = []
    number = 0
    while len(found) < count - 10:
        number += 1
        section = "\n".join([f"## {number}. How a pool behaves", *_SECTION, ""])
        found += re.findall(r"\s*(?:\w{1,9}[.,:]?|[^\w\s]{1,6})|\s+", section)
    end = re.findall(r"\s*\S+", f"\n```\n\n{LAST_WORDS}" if _in_code(found, count) else LAST_WORDS)
    return [*found[: count - len(end) - 1], "\n\n", *end]


def _in_code(found: list[str], count: int) -> bool:
    return "".join(found[: count - 10]).count("```") % 2 == 1


async def speak(command: str, say: Callable[[str], object]) -> None:
    """Answer a command, by asyncio."""
    for token, pause in _said(command):
        if pause:
            await asyncio.sleep(pause)
        if token is not None:
            say(token())


def speak_in_thread(command: str, say: Callable[[str], object]) -> None:
    """Answer a command, in a thread."""
    for token, pause in _said(command):
        if pause:
            time.sleep(pause)
        if token is not None:
            say(token())


def _said(command: str) -> Iterator[tuple[Callable[[], str] | None, float]]:
    """Yield tokens, and how long to wait before each."""
    kind, *given = command.split()
    if kind == "stamp":
        yield (lambda: STAMP.format(time.time_ns())), float(given[0])
        yield from (((lambda t=token: t), 0.005) for token in tokens(20))
    elif kind == "stream":
        pause = float(given[1])
        yield from (((lambda t=token: t), pause) for token in tokens(int(given[0])))
    elif kind == "quiet":
        yield from ((None, float(given[1])) for _ in range(int(given[0])))
        yield (lambda: LAST_WORDS), 0.0
    elif kind == "threads":
        yield thread_names, 0.0
    else:
        yield (lambda: command), 0.0


def thread_names() -> str:
    """Return the names of the threads of this process as JSON, by the numbers of the system."""
    return "`" + json.dumps({t.native_id: t.name for t in threading.enumerate()}) + "`"
