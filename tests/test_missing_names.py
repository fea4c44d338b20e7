"""Names that are not there: an AttributeError that says what there is instead."""

from __future__ import annotations

import copy

import pytest

import webapp as cl
from webapp.authoring.loading.missing_names import NOT_YET


@pytest.mark.parametrize("owner", [cl, cl.Message("a")], ids=["module", "message"])
def test_what_python_asks_for_by_itself_is_plainly_not_there(owner: object) -> None:
    assert not hasattr(owner, "on_chat_resumed")
    assert not hasattr(owner, "__wrapped__")
    with pytest.raises(AttributeError, match="has no attribute '__deepcopy__'"):
        owner.__deepcopy__  # type: ignore[attr-defined]  # noqa: B018


def test_a_message_can_be_copied() -> None:
    assert copy.deepcopy(cl.Message("a", "b")).author == "b"


@pytest.mark.parametrize("name", ["x", "on_mesage", *NOT_YET])
def test_no_name_is_both_there_and_said_to_be_missing(name: str) -> None:
    assert name not in cl.__all__
    with pytest.raises(AttributeError, match=rf"chat_profiles\.{name} does not exist"):
        getattr(cl, name)
