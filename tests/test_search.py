"""Searching finds each chat once, the newest first, and the same on both databases."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.corpus import samples, text_of
from tests.support.history import OWNER, History
from tests.support.rows import run_sql, statements
from webapp.authoring.text import clean_text
from webapp.history.search.results import BATCHES, PAGE

SAID = [
    "plain words about sorting",
    'quotes: it\'s "quoted" and `ticked`',
    "100 % of snake_case",
    "this AND that OR other NOT none NEAR by",
    "a*b ^2 key: value - minus (in brackets)",
    "C++ or C#?",
    "天地玄黄 宇宙洪荒",
    "東京towerで会いましょう",
    "ไทยภาษา",
    "한국어 학교에서",
    "हिन्दी में",
    "العَرَبِيَّة",
    "שָׁלוֹם עולם",
    "Café Ångström ﬁne",
    "İstanbul ılık",
    "ＦＵＬＬ width",
    "👩🏽\u200d💻 at work 🎉",
    "'; DROP TABLE chats; --",
    "back\\slash \\' and \\\"",
    "a & b | !c <-> d:*",
]
QUERIES = [
    *SAID,
    *("a", "w", "x", "o", "c", "天", "👩", "_", "%", '"', "'", "\\", "*", "^", ":", "-", "(", ")"),
    *("AND", "OR", "NOT", "NEAR", "NEAR(a b)", "this AND that", "words NOT sorting", "sort*"),
    *("words: sorting", "-sorting", "^plain", '"plain words"', "col:plain", "a:*", "!c", "a | b"),
    *(
        "cafe",
        "CAFÉ",
        "angstrom",
        "fine",
        "istanbul",
        "ILIK",
        "full",
        "𝐟𝐮𝐥𝐥",
        "شلوم",
        "عرب",
        "שלום",
    ),
    *(
        "地玄",
        "京t",
        "학교",
        "हि",
        "ภาษ",
        "🎉",
        "👍",
        "sorting plain",
        "plain 天",
        "xyzzy",
        "\x00a",
    ),
    *(" ", "", "\u200b", "\n\t", "a " * 5_000, "x" * 10_000, "天" * 10_000, "(" * 10_000),
]


@pytest.fixture
def history(make_app: AppMaker, either_url: str) -> History:
    """Return the chats of an app, on each database in turn."""
    make_app.database_url = either_url
    return History(make_app("simple.py"))


@pytest.fixture
def one_history(simple_app: Flask) -> History:
    """Return the chats of an app, on SQLite."""
    return History(simple_app)


@pytest.mark.postgresql
def test_both_databases_find_the_same(sqlite_url: str, postgresql_url: str, tmp_path: Path) -> None:
    answers = []
    odd = [clean_text(text_of(sample))[:2_000] for sample in samples("nasty_strings")]
    for url in (sqlite_url, postgresql_url):
        with AppMaker.in_folder(tmp_path, url) as make_app:
            history = History(make_app("simple.py"))
            for number, text in enumerate([*SAID, *odd]):
                history.write(f"chat {number}", text, "answered")
            answers.append({query: history.found(query) for query in [*QUERIES, *odd]})
    assert answers[0] == answers[1]
    for number, query in enumerate(SAID):
        assert f"chat {number}" in answers[0][query], query


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("sort", ["plain words about sorting"]),
        ("sorting plain", ["plain words about sorting"]),
        ("SORT Words", ["plain words about sorting"]),
        ("orting", []),
        ("snake_case", ["100 % of snake_case"]),
        ("%", ["100 % of snake_case"]),
        ("NEAR", ["this AND that OR other NOT none NEAR by"]),
        ("DROP", ["'; DROP TABLE chats; --"]),
        ("地玄", ["天地玄黄 宇宙洪荒"]),
        ("地黄", []),
        ("학교", ["한국어 학교에서"]),
        ("cafe", ["Café Ångström ﬁne"]),
        ("👩", ["👩🏽\u200d💻 at work 🎉"]),
        ("plain 天", []),
    ],
)
def test_all_of_what_was_looked_for_must_be_there(
    history: History, query: str, titles: list[str]
) -> None:
    for text in SAID:
        history.write("", text)
        run_sql(history.app, "UPDATE chats SET title = :title WHERE title = ''", title=text)
    assert history.found(query) == titles


def test_words_of_two_messages_are_not_found_together(history: History) -> None:
    history.write("chat", "one", "two")
    assert history.found("one two") == []


@pytest.mark.parametrize("query", ["", " ", "\n\u3000", "\u200b"])
def test_a_search_for_nothing_says_so(history: History, query: str) -> None:
    history.write("chat", "said")
    found = history.search(query)
    assert (found.hits, found.next, found.is_empty_query) == ([], None, True)


def test_a_search_that_finds_nothing_is_not_a_search_for_nothing(history: History) -> None:
    found = history.search("xyzzy")
    assert (found.hits, found.next, found.is_empty_query) == ([], None, False)


def test_the_chat_in_which_it_was_said_last_comes_first(history: History) -> None:
    first = history.write("first", "needle")
    history.write("second", "needle")
    assert history.found("needle") == ["second", "first"]
    history.add(first, "needle again")
    assert history.found("needle") == ["first", "second"]


def test_a_hit_is_what_the_history_shows_of_a_chat(history: History) -> None:
    chat_id = history.write("about it", "the needle is here", profile="GPT-4")
    run_sql(history.app, "UPDATE chats SET pinned = :yes", yes=True)
    [hit] = history.search("needle").hits
    assert (hit.chat_id, hit.title, hit.profile) == (chat_id, "about it", "GPT-4")
    assert hit.pinned
    assert hit.active_at.tzinfo is not None
    assert [(part.text, part.marked) for part in hit.snippet] == [
        ("the ", False),
        ("needle", True),
        (" is here", False),
    ]


def test_the_newest_message_that_matches_is_shown(history: History) -> None:
    history.write("needle title", "needle one", "needle two", "something else")
    [hit] = history.search("needle").hits
    assert "".join(part.text for part in hit.snippet) == "needle two"


def test_a_chat_found_by_its_title_alone_shows_that(history: History) -> None:
    history.write("needle title", "said")
    [hit] = history.search("needle").hits
    assert "".join(part.text for part in hit.snippet) == "needle title"


def test_chats_of_others_are_not_found(history: History) -> None:
    history.write("theirs", "needle", owner="user:bob")
    assert history.found("needle") == []
    assert history.found("needle", owner="user:bob") == ["theirs"]


def test_the_owner_word_of_somebody_else_opens_nothing(history: History) -> None:
    history.write("mine", "needle")
    run_sql(history.app, "UPDATE chats SET owner = 'user:bob'")
    assert history.found("needle") == []


@pytest.mark.parametrize(
    "change",
    ["deleted_at = '2026-01-02 03:04:05'", "written = (1 = 0)"],
)
def test_a_chat_that_is_out_of_sight_is_not_found(history: History, change: str) -> None:
    history.write("gone", "needle")
    run_sql(history.app, f"UPDATE chats SET {change}")
    assert history.found("needle") == []


def test_what_was_replaced_is_not_found_but_the_rest_is(history: History) -> None:
    history.write("chat", "needle old", "kept")
    history.write("both", "needle kept", "needle old")
    run_sql(
        history.app,
        "UPDATE messages SET replaced_by = :turn WHERE content LIKE '%old'",
        turn=uuid.uuid4().hex,
    )
    [hit] = history.search("needle").hits
    assert hit.title == "both"
    assert "".join(part.text for part in hit.snippet) == "needle kept"


def test_a_profile_narrows_it(history: History) -> None:
    history.write("fast", "needle", profile="GPT-3.5")
    history.write("good", "needle", profile="GPT-4")
    assert history.found("needle", profile="GPT-4") == ["good"]
    assert history.found("needle", profile="None such") == []
    assert history.found("needle") == ["good", "fast"]


def test_a_profile_of_many_chats_narrows_it_as_well(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.history.search.results.FEW_CHATS", 1)
    for number in range(4):
        history.write(f"chat {number}", "needle", profile=("GPT-3.5", "GPT-4")[number % 2])
    assert history.found("needle", profile="GPT-4") == ["chat 3", "chat 1"]


def test_pages_have_every_chat_once(history: History) -> None:
    chats = [history.write(f"chat {number}", "needle") for number in range(2 * PAGE + 5)]
    for chat_id in chats[::7]:
        history.add(chat_id, "needle", "again the needle")
    pages = history.pages("needle")
    assert [len(page) for page in pages] == [PAGE, PAGE, 5]
    titles = [title for page in pages for title in page]
    assert len(set(titles)) == len(titles) == 2 * PAGE + 5


def test_a_page_that_is_full_at_the_end_has_no_next(history: History) -> None:
    for number in range(PAGE):
        history.write(f"chat {number}", "needle")
    assert history.search("needle").next is None


def test_a_chat_with_more_matches_than_are_looked_at_comes_once(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.history.search.results.BATCHES", (3, 3))
    history.write("old", "needle")
    long = history.write("long", *["needle"] * 20)
    history.write("between", *["needle"] * 4)
    history.add(long, *["needle"] * 4)
    history.write("new", "needle")
    assert history.found("needle") == ["new", "long", "between", "old"]


def test_more_chats_than_are_looked_at_at_once_come_later(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.history.search.results.CHATS_AT_ONCE", 2)
    for number in range(7):
        history.write(f"chat {number}", "needle")
    assert history.found("needle") == [f"chat {number}" for number in range(6, -1, -1)]


def test_replaced_messages_do_not_hide_what_is_older(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.history.search.results.BATCHES", (2,))
    history.write("chat", "needle kept", *["needle old"] * 9)
    run_sql(
        history.app,
        "UPDATE messages SET replaced_by = :turn WHERE content LIKE '%old'",
        turn=uuid.uuid4().hex,
    )
    assert history.found("needle") == ["chat"]


def test_a_search_costs_as_many_statements_with_three_hits_as_with_thirty(
    one_history: History,
) -> None:
    costs = []
    for chats in (3, 27):
        for number in range(chats):
            one_history.write(f"chat {number}", "needle", "needle")
        for before in (None, 2**40):
            with statements(one_history.app) as run:
                assert len(one_history.search("needle", before=before).hits) % 27 == 3
            costs.append(len(run))
    assert costs[:2] == costs[2:]


def test_the_work_of_a_page_is_bounded(one_history: History) -> None:
    one_history.write("long", *["needle"] * (sum(BATCHES) + 100))
    one_history.write("theirs", "needle", owner="user:bob")
    with statements(one_history.app) as run:
        one_history.search("needle")
    assert len(run) <= len(BATCHES) + 1


def test_the_words_of_a_search_never_become_a_part_of_a_statement(one_history: History) -> None:
    with statements(one_history.app) as run:
        one_history.search("injected' OR 1=1 --", owner=OWNER, profile="inj")
    assert run
    assert not any("inj" in sql for sql in run)
