"""The words that a text is found by, and those that a search looks for."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.corpus import check_each, samples, text_of
from webapp.chats.tokenizer import (
    BYTES_PER_ENTRY,
    WORDS_PER_ENTRY,
    WORDS_PER_QUERY,
    Term,
    chat_word,
    entry_words,
    fold_text,
    owner_word,
    query_terms,
)

CHAT = uuid.UUID(int=7)


def words(text: str) -> list[str]:
    """Return the words of a text, without those that say whose it is."""
    owner, chat, *found = entry_words("user:a", CHAT, text).split(" ")
    assert (owner, chat) == (owner_word("user:a"), chat_word(CHAT))
    return found


def finds(query: str, text: str) -> bool:
    """Say whether a text has all that a search looks for."""
    there = words(text)
    return all(
        any(word.startswith(term.word) for word in there) if term.is_prefix else term.word in there
        for term in query_terms(query)
    )


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("cafe", "Café"),
        ("café", "CAFE"),
        ("cafe\u0301", "café"),
        ("angstrom", "Ångström"),
        ("full", "ｆｕｌｌ width"),
        ("ＦＵＬＬ", "full width"),
        ("fine", "ﬁne"),
        ("strasse", "Straße"),
        ("istanbul", "İstanbul"),
        ("thor", "Þór"),
        ("seydis", "Seyðisfjörður"),
        ("Hawai'i", "Hawaiʻi"),
        ("hawaii", "Hawaiʻi"),
        ("Hawai’i", "Hawaiʻi"),
        ("ba'th", "Baʿth"),
        ("qur'an", "Qurʾān"),
        ("կ'երթա", "կ՚երթա"),
        ("كتاب", "کتاب"),
        ("علی", "علي"),
        ("على", "علي"),
        ("مدرسه", "مدرسة"),
        ("1/2", "½ cup"),
        ("ılık", "ILIK"),
        ("σοφος", "ΣΟΦΟΣ"),
        ("天地", "天地玄黄"),
        ("地玄", "天地玄黄"),
        ("玄", "天地玄黄"),
        ("東京 tower", "東京towerで"),
        ("が", "がぎぐ"),
        ("ガ", "ｶﾞ"),
        ("ภาษา", "ไทยภาษาไทย"),
        ("학교", "학교에서 만나요"),
        ("हिन्दी", "मुझे हिन्दी। आती है"),
        ("हिन", "हिन्दी"),
        ("العربية", "اللغة العَرَبِيَّة"),
        ("ابراهيم", "إبراهيم"),
        ("שלום", "שָׁלוֹם"),
        ("привет", "ПРИВЕТ, мир"),
        ("👩", "👩🏽\u200d💻"),
        ("👍🏿", "👍"),
        ("❤", "❤\ufe0f"),
        ("1", "1\ufe0f\u20e3"),
        ("c++", "C++ and C#"),
        ("_", "snake_case"),
        ("snake", "snake_case"),
        ("case", "snake_case"),
        ("100%", "100 %"),
        ("x2", "x²"),
        ("soft", "so\u00adft"),
        ("mess", "messages"),
        ("don't", "don\u2019t"),
        ("don\u2019t", "don't"),
        ("don\u00b4t", "don't"),
        ("dont", "don't"),
        ("eau", "l\u2019eau"),
        ("o'brien", "O\u2019Brien"),
        ("rock'n'roll", "Rock \u2019n\u2019 Roll rock\u2019n\u2019roll"),
        ('צה"ל', "צה\u05f4ל"),
        ("e-mail", "e\u2011mail"),
        ("well\u2013known", "well-known"),
        ("well-known", "well known"),
        ("\u201chello, world\u201d", "hello world"),
        ("hello world?", "hello, world!"),
        ("你好，世界", "你好世界"),
        ("lodz", "Łódź"),
        ("Smørrebrød", "smorrebrod"),
        ("العربية", "العـــربية"),
        ("처리", "자연어처리"),
        ("리", "자연어처리"),
        ("理", "自然言語処理"),
        ("begrenzung", "Geschwindigkeitsbegrenzung"),
        ("schwindig", "Geschwindigkeitsbegrenzung"),
        ("ung", "Geschwindigkeitsbegrenzung"),
        ("tür", "Haustür"),
        ("кран", "подъёмникран"),
        ("كتاب", "والكتاب"),
        ("בית", "הבית"),
    ],
)
def test_a_search_finds_what_is_written_another_way(query: str, text: str) -> None:
    assert finds(query, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("essage", "message"),
        ("ng", "Geschwindigkeitsbegrenzung"),
        ("art", "party"),
        ("don't", "done, then"),
        ("123", "a0123456789"),
        ("か", "がぎぐ"),
        ("地天", "天地玄黄"),
        ("कि", "की"),
        ("%", "100"),
        ("_", "snake case"),
        ("c#", "C++"),
        ("👨", "👩"),
        ("two words", "two"),
    ],
)
def test_a_search_does_not_find_something_else(query: str, text: str) -> None:
    assert not finds(query, text)


@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000", "\u200b\u2060", "\u0301", "\ufe0f"])
def test_a_search_for_nothing_looks_for_nothing(text: str) -> None:
    assert query_terms(text) == []


def test_words_are_beginnings_and_symbols_are_whole() -> None:
    assert query_terms("ab+天") == [
        Term("wab", is_prefix=True),
        Term("x2b"),
        Term("w天"),
    ]


def test_a_term_knows_what_it_is_written_as() -> None:
    assert [term.text for term in query_terms("Ä+ 天地👍")] == ["a", "+", "天地", "👍"]


def test_a_word_is_there_once() -> None:
    assert words("a b a A á") == ["wa", "wb"]


def test_the_words_of_two_owners_and_two_chats_are_apart() -> None:
    assert len({owner_word("user:a"), owner_word("user:A"), owner_word("session:a")}) == 3
    assert chat_word(CHAT) != chat_word(uuid.UUID(int=8))


def test_what_somebody_writes_is_never_the_word_of_an_owner_or_a_chat() -> None:
    written = words(f"{owner_word('user:b')} {chat_word(CHAT)}")
    assert not {owner_word("user:b"), chat_word(CHAT)} & set(written)


def test_any_text_has_words_that_no_parser_takes_apart() -> None:
    def check(sample: dict[str, Any]) -> None:
        for word in words(text_of(sample)[:50_000]) if text_of(sample).strip() else []:
            assert word == "" or word[0] in "wx"
            assert not set(word) & set(" '\"\\:*()&|!<>-^\x00\n")

    check_each(check, samples("nasty_strings"))


LARGE: dict[str, Callable[[], str]] = {
    "one word": lambda: "x" * 1_000_000,
    "many words": lambda: " ".join(map(str, range(150_000))),
    "long words": lambda: " ".join(f"{n:08}" * 8 for n in range(16_000)),
    "cyrillic": lambda: " ".join(f"{n:08}".translate({48 + d: 1072 + d for d in range(10)}) * 8
                                 for n in range(16_000)),
    "dense": lambda: "".join(
        map(chr, random.Random(1).choices(range(0x4E00, 0x9FFF), k=1_000_000))
    ),
    "wide": lambda: "\ufdfa" * 1_000_000,
    "symbols": lambda: "()" * 500_000,
    "marks": lambda: "e" + "\u0301" * 999_999,
}  # fmt: skip


@pytest.mark.parametrize("name", LARGE)
def test_a_megabyte_of_text_has_fewer_words_than_a_database_takes(name: str) -> None:
    found = entry_words("user:a", CHAT, LARGE[name]())
    assert len(found.encode()) < BYTES_PER_ENTRY + 1_000
    assert found.count(" ") <= WORDS_PER_ENTRY + 1
    assert all(len(word.encode()) < 2_000 for word in found.split(" "))


def test_the_first_words_of_a_long_text_are_those_that_count() -> None:
    assert words(LARGE["many words"]())[:2] == ["w0", "w1"]


def test_a_long_search_looks_for_its_first_words() -> None:
    terms = query_terms(" ".join(f"w{n}" for n in range(2_000)))
    assert len(terms) == WORDS_PER_QUERY
    assert terms[0] == Term("ww0", is_prefix=True)


def test_folding_is_done_once_and_for_all() -> None:
    for sample in samples("nasty_strings"):
        once = fold_text(text_of(sample)[:10_000])
        assert fold_text(once) == once, sample
