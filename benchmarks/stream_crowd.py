"""Many at once: 100 readers, 300 turns in one process, and open chats in which nothing happens."""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from answer import tokens
from processes import Footprint, cpu_seconds, footprint
from serving import Served, bare_app, our_app
from visitors import BareVisitor, Crowd, Line, Told, Visitor, at_once, get

from webapp.markdown.messages import message_html

# Fifty tokens a second, for ten seconds and for twenty.
PAUSE = 0.02
READ_TOKENS = 500
FLIGHT_TOKENS = 1_000
GOAL_PAGE_SECONDS = 0.3
ARRIVING_SECONDS = 2.0
IDLE_CHATS = 200
# Memory is handed out in pieces; more than this for 200 chats is more than nothing.
IDLE_KB_PER_CHAT = 4.0


@dataclass
class Meanwhile:
    """What was seen while the others read: how long pages took, and what the process held."""

    pages: dict[str, list[float]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    most_memory: int = 0
    most_threads: int = 0
    cpu: float = 0.0
    seconds: float = 0.0


def measure_readers(options: argparse.Namespace) -> list[str]:
    """Measure readers at once and other pages meanwhile; return what is missed."""
    print(f"\n{options.readers} readers at once, each with a turn of 10 s at 50 tokens/s")
    print(f"{'who':8}{'page':18}{'p50 ms':>8}{'p95 ms':>8}{'max ms':>8}")
    missed = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with our_app(folder, "stream.py") as ours:
            missed += _readers("ours", Visitor, ours, options.readers)
        with bare_app(folder, "bare_chat") as bare:
            # Its answers stay whole; what it shows is how long others wait for a thread.
            _readers("bare", BareVisitor, bare, options.readers)
    return missed


def measure_flight(options: argparse.Namespace) -> list[str]:
    """Measure many turns in one process, and open chats at rest; return what is missed."""
    missed = []
    for site in ("stream.py", "stream_in_threads.py"):
        with tempfile.TemporaryDirectory() as name, our_app(Path(name), site) as ours:
            missed += _flight(site, ours, options.in_flight)
    with tempfile.TemporaryDirectory() as name, our_app(Path(name), "stream.py") as ours:
        missed += _idle_chats(ours)
    return missed


def _readers(who: str, make: type[Visitor | BareVisitor], served: Served, count: int) -> list[str]:
    stranger = make(served.port)
    told, meanwhile = _crowded(make, served, count, READ_TOKENS, [stranger])
    for page, times in meanwhile.pages.items():
        ms = sorted(1_000 * each for each in times)
        p50, p95 = ms[len(ms) // 2], ms[len(ms) * 95 // 100]
        print(f"{who:8}{page:18}{p50:8.0f}{p95:8.0f}{ms[-1]:8.0f}")
    print(f"{who:8}{_summary(told, meanwhile)}")
    slow = [
        f"{page} takes {1_000 * max(times):.0f} ms at most beside {count} readers"
        for page, times in meanwhile.pages.items()
        if max(times) > GOAL_PAGE_SECONDS
    ]
    return slow + _failures(told, meanwhile)


def _flight(site: str, served: Served, count: int) -> list[str]:
    (worker,) = served.workers()
    before = footprint(worker)
    told, meanwhile = _crowded(Visitor, served, count, FLIGHT_TOKENS, [])
    print(f"\n{count} turns in one process, {site}, 20 s each at 50 tokens/s")
    print(f"before  {before}\nat most {_peak(meanwhile)}")
    time.sleep(6)
    print(f"after   {footprint(worker)}\n{_summary(told, meanwhile)}")
    return _failures(told, meanwhile)


def _crowded(
    make: type[Visitor | BareVisitor],
    served: Served,
    count: int,
    size: int,
    strangers: list[Visitor | BareVisitor],
) -> tuple[list[Told], Meanwhile]:
    text = "".join(tokens(size))
    whole = str(message_html(text)) if make is Visitor else text
    crowd = Crowd(make, served.port, [f"stream {size} {PAUSE}"] * count, whole)
    (worker,) = served.workers()
    meanwhile, cpu, began = Meanwhile(), cpu_seconds(worker), time.monotonic()
    crowd.begin()
    while not crowd.is_done():
        when = ", arriving" if time.monotonic() - began < ARRIVING_SECONDS else ""
        _look_around(served, worker, strangers, meanwhile, when)
    meanwhile.cpu, meanwhile.seconds = cpu_seconds(worker) - cpu, time.monotonic() - began
    return crowd.told(), meanwhile


def _look_around(
    served: Served,
    worker: int,
    strangers: list[Visitor | BareVisitor],
    seen: Meanwhile,
    when: str,
) -> None:
    for stranger in strangers:
        pages = {"a chat": stranger.page}
        pages |= {"GET /": "/"} if isinstance(stranger, Visitor) else {}
        for page, path in pages.items():
            # As people do, with a connection of its own.
            heard = Line(served.port).ask(get(served.port, path, stranger.cookie))
            seen.pages.setdefault(f"{page}{when}", []).append(heard.seconds)
            seen.errors += [] if heard.status == 200 else [f"{page}: {heard.status}"]
    now = footprint(worker)
    seen.most_memory = max(seen.most_memory, now.memory)
    seen.most_threads = max(seen.most_threads, now.threads)
    time.sleep(0.1)


def _summary(told: list[Told], meanwhile: Meanwhile) -> str:
    ways = Counter(each.ways[0] for each in told if each.ways)
    polls = [1_000 * poll for each in told for poll in each.polls]
    slowest = max(each.seconds for each in told)
    middle = statistics.median(each.seconds for each in told)
    polled = (
        f"; a poll took {statistics.median(polls):.0f} ms, {max(polls):.0f} at most"
        if polls
        else ""
    )
    return (
        f"{dict(ways)}, {sum(bool(each.errors) for each in told)} with errors; the answer ended "
        f"after {middle:.1f} s, the last after {slowest:.1f} s{polled}; "
        f"{100 * meanwhile.cpu / meanwhile.seconds:.0f} % of a processor"
    )


def _failures(told: list[Told], meanwhile: Meanwhile) -> list[str]:
    errors = [error for each in told for error in each.errors] + meanwhile.errors
    lost = sum(not each.ended for each in told)
    missed = [f"{len(errors)} errors, such as {errors[0]}"] if errors else []
    return missed + ([f"{lost} answers did not end"] if lost else [])


def _peak(meanwhile: Meanwhile) -> str:
    return f"{meanwhile.most_memory / 1_024:7.1f} MiB{meanwhile.most_threads:36} threads"


def _idle_chats(served: Served) -> list[str]:
    (worker,) = served.workers()
    # Whatever is made once is made by these, more than there are threads.
    kept = _open_chats(served, 2 * IDLE_CHATS, 40)
    before = _rested(worker)
    kept += _open_chats(served, IDLE_CHATS, 10)
    after = _rested(worker)
    per_chat = (after.memory - before.memory) / IDLE_CHATS
    print(f"\n{IDLE_CHATS} more open chats at rest, each after a turn: {per_chat:.1f} kB each")
    print(f"before  {before}\nafter   {after}")
    missed = (
        [f"an open chat at rest costs {per_chat:.1f} kB"] if per_chat > IDLE_KB_PER_CHAT else []
    )
    del kept
    if after.threads > before.threads or after.files > before.files:
        missed.append("open chats at rest hold threads or files")
    return missed


def _open_chats(served: Served, count: int, clients: int) -> list[Visitor]:
    visitors: list[Visitor] = []

    def chat() -> None:
        for _ in range(count // clients):
            visitor = Visitor(served.port)
            visitor.say("stream 50 0")
            visitor.leave()
            visitors.append(visitor)

    at_once(chat, [()] * clients)
    return visitors


def _rested(worker: int) -> Footprint:
    time.sleep(6)
    return footprint(worker)
