"""User names: one form for each, and no two that look alike."""

from __future__ import annotations

from contextlib import suppress

import pytest
from confusable_homoglyphs.categories import alias
from hypothesis import given
from hypothesis import strategies as st

from webapp.accounts.usernames import (
    SKELETON_LIMIT,
    UsernameError,
    _script,
    canonical,
    skeleton,
    validate_username,
)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("alice", "alice"),
        ("  Alice\t", "alice"),
        ("ＡＬＩＣＥ", "alice"),
        ("STRAẞE", "strasse"),
        ("cafe\u0301", "caf\u00e9"),
        ("ALICE@EXAMPLE.ORG", "alice@example.org"),
    ],
)
def test_a_name_has_one_form(typed: str, stored: str) -> None:
    assert canonical(typed) == stored
    assert validate_username(typed) == stored


@given(st.text(max_size=80))
def test_the_one_form_stays_as_it_is(text: str) -> None:
    assert canonical(canonical(text)) == canonical(text)


@given(st.text(max_size=80))
def test_any_text_is_taken_or_refused_but_never_a_crash(text: str) -> None:
    with suppress(UsernameError):
        name = validate_username(text)
        assert validate_username(name) == name
        assert 0 < len(skeleton(name)) <= SKELETON_LIMIT


@pytest.mark.parametrize(
    "name",
    [
        "alice.smith",
        "o-b_c+d@e",
        "7",
        "_service",
        "Ünïcode",
        "Иван",
        "山田たろう",
        "スーパー",
        "नमस्ते",
        "ṣẹ́gun",
        "محمد",
        "a" * 64,
    ],
)
def test_names_of_any_one_script_are_taken(name: str) -> None:
    assert validate_username(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "a" * 65,
        "\ufdfa" * 64,  # 18 letters each in the normal form
        "a b",
        "a\nb",
        "a\x00b",
        "a\x1b[31mb",
        "x\u202ey",
        "a\u200db",
        "a\u00adb",
        "a\ufe0fb",
        "a\u034fb",
        "a\u3164b",
        "\ud800",
        "a/b",
        "a'--",
        "<b>",
        "😀",
        "-rf",
        "...",
        "@",
        "\u0301a",
        "a\u0301\u0302\u0303\u0304",
        "p\u0430ypal",
        "αlpha",
    ],
)
def test_misleading_names_are_refused(name: str) -> None:
    with pytest.raises(UsernameError):
        validate_username(name)


def test_a_refusal_never_holds_the_character_itself() -> None:
    with pytest.raises(UsernameError, match=r"U\+202E"):
        validate_username("x\u202ey")


def test_a_refusal_names_the_scripts() -> None:
    with pytest.raises(UsernameError, match=r"several scripts \(Cyrillic and Latin\)$"):
        validate_username("p\u0430ypal")


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("paypal", "p\u0430yp\u0430l"),
        ("paypal", "paypa1"),
        ("root", "r00t"),
        ("modern", "modem"),
        ("\u0441\u0430\u0440", "cap"),
        ("\u043e\u0445", "ox"),
        ("ιο", "io"),
        ("sıgn", "sign"),
    ],
)
def test_names_that_look_alike_share_a_skeleton(name: str, twin: str) -> None:
    assert skeleton(canonical(name)) == skeleton(canonical(twin))


@pytest.mark.parametrize(
    ("name", "other"),
    [("alice", "alicia"), ("jose", "josé"), ("bob1", "bob2"), ("a.b", "a-b"), ("anna", "ana")],
)
def test_names_that_differ_have_skeletons_that_differ(name: str, other: str) -> None:
    assert skeleton(canonical(name)) != skeleton(canonical(other))


def test_the_scripts_of_ascii_are_those_of_the_table() -> None:
    characters = [chr(number) for number in range(128)]
    assert [_script(character) for character in characters] == [alias(c) for c in characters]
