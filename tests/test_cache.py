"""Values that are kept: for which arguments, how many, for how long."""

from __future__ import annotations

import asyncio
import functools
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import webapp as cl
from tests.support.apps import AppMaker
from tests.support.html import parse
from tests.support.people import Visitor
from webapp.authoring.caching import values as cache_values
from webapp.authoring.errors import MisuseError


class Clock:
    """Stands for the monotonic clock."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(cache_values, "monotonic", made)
    return made


def object_made() -> object:
    return object()


# Without its types, which refuse what these tests do wrong.
MISUSED: Any = cl.cache


def test_the_same_arguments_compute_once() -> None:
    calls: list[int] = []

    @cl.cache
    def double(number: int) -> int:
        calls.append(number)
        return number * 2

    assert [double(2), double(2), double(3), double(2)] == [4, 4, 6, 4]
    assert calls == [2, 3]


def test_a_coroutine_function_computes_once_too() -> None:
    calls: list[int] = []

    @cl.cache(ttl=60)
    async def double(number: int) -> int:
        calls.append(number)
        await asyncio.sleep(0)
        return number * 2

    async def several() -> list[int]:
        return [await double(2), await double(2), *await asyncio.gather(double(3), double(3))]

    assert asyncio.run(several()) == [4, 4, 6, 6]
    assert calls == [2, 3]


def test_values_outlive_the_loop_they_were_computed_on() -> None:
    calls: list[str] = []

    @cl.cache
    async def once() -> object:
        calls.append("x")
        return object()

    assert asyncio.run(once()) is asyncio.run(once())
    assert calls == ["x"]


def test_none_is_a_value_like_any_other() -> None:
    calls: list[str] = []
    cached = cl.cache(lambda: calls.append("x"))
    assert (cached(), cached(), calls) == (None, None, ["x"])


def test_position_name_and_default_are_the_same_call() -> None:
    @cl.cache
    def call(one: int, two: int = 2, *rest: int, three: int = 3, **more: int) -> object:
        return object()

    assert call(1) is call(one=1) is call(1, 2) is call(two=2, one=1) is call(1, 2, three=3)
    assert call(1, a=1, b=2) is call(1, b=2, a=1)
    assert len({call(1), call(2), call(1, 3), call(1, 2, 3), call(1, three=4), call(1, a=1)}) == 6


def test_what_is_gathered_is_not_taken_for_something_else() -> None:
    @cl.cache
    def call(one: object, /, *rest: object, **more: object) -> object:
        return object()

    assert len({call(1), call(1, one=1), call(1, 2), call(1, **{"*rest": 2}), call(1, rest=2)}) == 5


def test_arguments_of_different_types_are_different() -> None:
    cached = cl.cache(repr)
    assert [cached(1), cached(1.0), cached(True)] == ["1", "1.0", "True"]


@given(
    st.lists(st.sampled_from([*range(7), *range(7), "clear"]), max_size=60),
    st.integers(min_value=1, max_value=5),
)
def test_the_least_recently_used_value_makes_room(steps: list[int | str], maxsize: int) -> None:
    computed: list[int] = []
    expected: list[int] = []
    model: OrderedDict[int, None] = OrderedDict()
    cached = cl.cache(maxsize=maxsize)(computed.append)
    for step in steps:
        if isinstance(step, str):
            cached.clear()
            model.clear()
            continue
        cached(step)
        if step not in model:
            expected.append(step)
        model[step] = None
        model.move_to_end(step)
        if len(model) > maxsize:
            model.popitem(last=False)
    assert computed == expected


def test_values_are_bounded_when_nothing_is_said() -> None:
    class Value: ...

    def value(number: int) -> Value:
        return Value()

    cached = cl.cache(value)
    first = weakref.ref(cached(0))
    for number in range(1, 1_000):
        cached(number)
    assert first() is not None
    cached(1_000)
    assert first() is None


def test_a_value_is_kept_for_its_time_to_live(clock: Clock) -> None:
    cached = cl.cache(ttl=60)(object_made)
    first = cached()
    clock.now += 59.9
    assert cached() is first
    clock.now += 0.1
    second = cached()
    assert second is not first
    clock.now += 59.9
    assert cached() is second


def test_the_time_to_live_begins_when_the_value_is_there(clock: Clock) -> None:
    @cl.cache(ttl=60)
    async def slow() -> object:
        clock.now += 50
        return object()

    first = asyncio.run(slow())
    clock.now += 59
    assert asyncio.run(slow()) is first


def test_without_a_time_to_live_a_value_stays(clock: Clock) -> None:
    cached = cl.cache(object_made)
    first = cached()
    clock.now += 1e9
    assert cached() is first


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1],), "a list for one"),
        (((1, {2}),), "a tuple for one"),
        ((1, {}), "a dict for *rest"),
    ],
)
def test_an_argument_that_cannot_be_a_key_is_named(arguments: tuple[Any, ...], words: str) -> None:
    @cl.cache
    def search(one: object, *rest: object, **more: object) -> None: ...

    with pytest.raises(MisuseError) as caught:
        search(*arguments)
    assert f"search was called with {words}, which cannot be hashed" in str(caught.value)
    assert "Give a tuple in place of a list" in str(caught.value)
    with pytest.raises(MisuseError, match=r"a set for \*\*more"):
        search(1, more=set())


def test_a_wrong_call_is_told_with_the_name() -> None:
    @cl.cache
    def search(word: str) -> None: ...

    with pytest.raises(TypeError, match=r"search\(\): missing a required argument: 'word'"):
        search()  # type: ignore[call-arg]


class Shop:
    def __init__(self, name: str) -> None:
        self.name = name

    @cl.cache
    def sign(self, word: str) -> list[str]:
        return [self.name, word]

    @cl.cache
    async def door(self) -> list[str]:
        return [self.name]

    @staticmethod
    @cl.cache
    def static() -> object:
        return object()

    @classmethod
    @cl.cache
    def of_class(cls) -> object:
        return object()


def test_methods_keep_a_value_for_each_object() -> None:
    one, two = Shop("one"), Shop("two")
    assert one.sign("x") is one.sign("x") == ["one", "x"]
    assert two.sign("x") == ["two", "x"]
    assert asyncio.run(two.door()) == ["two"]
    assert Shop.static() is one.static()
    assert Shop.of_class() is two.of_class()


def test_the_function_is_kept_as_it_was() -> None:
    def rules() -> str:
        """Tell the rules."""
        return "x"

    async def weather() -> str:
        return "x"

    cached = cl.cache(rules)
    assert (cached.__wrapped__, cached.__doc__) == (rules, "Tell the rules.")
    assert asyncio.iscoroutinefunction(cl.cache(weather))
    assert asyncio.iscoroutinefunction(cl.cache(functools.partial(weather)))


def test_a_cached_function_can_be_a_callback_and_be_made_async(make_app: AppMaker) -> None:
    app = make_app("""
        import webapp as cl
        @cl.set_chat_profiles
        @cl.cache(ttl=60)
        async def profiles():
            return [cl.ChatProfile("a", "")]
        @cl.cache
        def rules():
            return "Be kind."
        @cl.on_chat_start
        async def start():
            await cl.Message(await cl.make_async(rules)()).send()
    """)
    visitor = Visitor(app)
    page = parse(visitor.get(visitor.start_chat("a")).text)
    assert "Be kind." in page.one(data_testid="message").text


def generator() -> Any:
    yield 1


async def async_generator() -> Any:
    yield 1


@pytest.mark.parametrize(
    ("misuse", "words"),
    [
        (lambda: MISUSED(60), ["needs a function, not int", "@cache(ttl=60, maxsize=100)"]),
        (lambda: MISUSED(print, 60), ["with the names of the settings"]),
        (lambda: MISUSED(classmethod(print)), ["not classmethod", "below @staticmethod and"]),
        (lambda: MISUSED(Shop), ["not the class Shop", "write a `def` that makes the object"]),
        (lambda: MISUSED(generator), ["generator contains `yield`", "Return a list"]),
        (lambda: MISUSED(async_generator), ["async_generator contains `yield`"]),
        (lambda: MISUSED(ttl=0), ["ttl is a number of seconds above 0, not 0"]),
        (lambda: MISUSED(ttl=-1.5), ["not -1.5"]),
        (lambda: MISUSED(ttl=float("nan")), ["not nan"]),
        (lambda: MISUSED(ttl="60"), ["not '60'"]),
        (lambda: MISUSED(ttl=True), ["not True"]),
        (lambda: MISUSED(maxsize=0), ["maxsize is a whole number above 0, not 0"]),
        (lambda: MISUSED(maxsize=None), ["not None", "grows until"]),
        (lambda: MISUSED(maxsize=1.5), ["not 1.5"]),
        (lambda: MISUSED(maxsize=True), ["not True"]),
    ],
)
def test_misuse_says_what_to_change(misuse: Callable[[], object], words: list[str]) -> None:
    with pytest.raises(MisuseError) as caught:
        misuse()
    assert [word for word in words if word not in str(caught.value)] == []


def test_what_can_be_used_only_once_is_not_kept() -> None:
    async def weather() -> None: ...

    for make in (weather, generator):
        with pytest.raises(MisuseError, match="which can be used only once"):
            cl.cache(lambda make=make: make())()


def test_empty_brackets_are_allowed() -> None:
    @cl.cache()
    def value() -> object:
        return object()

    assert value() is value()
