"""Events: whatever text they carry, it arrives as it was and is nothing else."""

from __future__ import annotations

import gc
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.corpus import sample_id, samples
from webapp.web.sse import HEARTBEAT, Slots, event

FORGED = [row for row in samples("xss") if row["ctx"].startswith("sse_")]
ODD = st.text(
    st.sampled_from("a \r\n\x00\ufeff\u2028\u0085:dataevntir<>&é漢\U0001f600"), max_size=60
)


def read(stream: bytes) -> list[dict[str, str]]:
    """Read a stream as https://html.spec.whatwg.org/#event-stream-interpretation says."""
    events: list[dict[str, str]] = []
    fields: dict[str, list[str]] = {}
    for line in re.split("\r\n|\r|\n", stream.decode()):
        if not line:
            if fields:
                events.append({name: "\n".join(values) for name, values in fields.items()})
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))
    return events


def normal(text: str) -> str:
    return re.sub("\r\n|\r", "\n", text)


@given(ODD)
def test_any_text_is_the_data_of_one_event(text: str) -> None:
    assert read(event(text)) == [{"data": normal(text)}]


@pytest.mark.parametrize("sample", FORGED, ids=sample_id)
def test_forged_fields_are_text(sample: dict[str, Any]) -> None:
    payload = sample["payload"]
    assert read(event(payload) + event("after")) == [{"data": normal(payload)}, {"data": "after"}]


def test_half_a_character_breaks_no_stream() -> None:
    assert read(event("a\ud83d")) == [{"data": "a?"}]


def test_a_heartbeat_is_nothing_to_the_page() -> None:
    assert read(HEARTBEAT + event("a") + HEARTBEAT) == [{"data": "a"}]


def test_there_are_only_so_many_places() -> None:
    slots = Slots()
    taken = [slots.take(2) for _ in range(3)]
    assert [slot is not None for slot in taken] == [True, True, False]


def test_one_owner_has_only_so_many_of_them() -> None:
    slots = Slots()
    taken = [slots.take(9, "alice", 2) for _ in range(3)]
    assert [slot is not None for slot in taken] == [True, True, False]
    assert slots.take(9, "bob", 2) is not None
    assert taken[0] is not None
    taken[0].give_back()
    assert slots.take(9, "alice", 2) is not None


def test_a_place_is_given_back_once() -> None:
    slots = Slots()
    first, second = slots.take(2), slots.take(2)
    assert first is not None
    assert second is not None
    first.give_back()
    first.give_back()
    assert slots.in_use == 1


def test_a_place_that_was_forgotten_is_given_back() -> None:
    slots = Slots()
    slot = slots.take(1)
    del slot
    gc.collect()
    assert slots.in_use == 0


def test_a_place_is_kept_by_whoever_can_give_it_back() -> None:
    slots = Slots()
    slot = slots.take(1)
    assert slot is not None
    give_back = slot.give_back
    del slot
    gc.collect()
    assert slots.in_use == 1
    give_back()
    assert slots.in_use == 0
