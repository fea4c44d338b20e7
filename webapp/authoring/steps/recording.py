"""Making a step of each call of a function, whatever kind of function it is."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import aclosing, closing
from functools import wraps
from types import TracebackType
from typing import Any, ParamSpec, Protocol, Self, TypeVar, cast

from webapp.authoring.steps.texts import TEXT_LIMIT

P = ParamSpec("P")
R = TypeVar("R")
Recorded = Callable[..., Any]


class CallStep(Protocol):
    """What a `Step` has that records a call."""

    input: Any
    output: Any
    show_input: bool | str

    def pause(self) -> Any:
        """Let whoever reads a generator go on outside of it. Return where it paused."""

    def resume(self, paused: Any) -> None:
        """Go on where a generator paused."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


Begin = Callable[[tuple[Any, ...], Mapping[str, Any]], CallStep]


def record_calls(function: Callable[P, R], make_step: Callable[[], CallStep]) -> Callable[P, R]:
    """Return a function that does the same, and shows each call as a step."""
    signature = inspect.signature(function)

    def begin(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> CallStep:
        step = make_step()
        if step.show_input:
            step.input = _name_arguments(signature, args, kwargs)
        return step

    record = _record_function
    if inspect.iscoroutinefunction(function):
        record = _record_coroutine
    elif inspect.isasyncgenfunction(function):
        record = _record_async_generator
    elif inspect.isgeneratorfunction(function):
        record = _record_generator
    return cast("Callable[P, R]", wraps(function)(record(function, begin)))


def _record_function(function: Recorded, begin: Begin) -> Recorded:
    def call(*args: Any, **kwargs: Any) -> Any:
        with begin(args, kwargs) as step:
            result = function(*args, **kwargs)
            _record(step, result)
            return result

    return call


def _record_coroutine(function: Recorded, begin: Begin) -> Recorded:
    async def call(*args: Any, **kwargs: Any) -> Any:
        with begin(args, kwargs) as step:
            result = await function(*args, **kwargs)
            _record(step, result)
            return result

    return call


def _record_generator(function: Recorded, begin: Begin) -> Recorded:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        texts = _Texts()
        with begin(args, kwargs) as step, closing(function(*args, **kwargs)) as values:
            try:
                value = next(values)
                while True:
                    texts.add(value)
                    # Who reads the values is not within the step.
                    paused = step.pause()
                    try:
                        sent = yield value
                    except GeneratorExit:
                        step.resume(paused)
                        raise
                    except BaseException as error:  # noqa: BLE001 - what `throw` was given
                        step.resume(paused)
                        value = values.throw(error)
                    else:
                        step.resume(paused)
                        value = values.send(sent)
            except StopIteration as ended:
                result = ended.value
            finally:
                _record(step, texts.join())
            _record(step, result)
            return result

    return call


def _record_async_generator(function: Recorded, begin: Begin) -> Recorded:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        texts = _Texts()
        with begin(args, kwargs) as step:
            async with aclosing(function(*args, **kwargs)) as values:
                try:
                    value = await anext(values)
                    while True:
                        texts.add(value)
                        paused = step.pause()
                        try:
                            sent = yield value
                        except GeneratorExit:
                            step.resume(paused)
                            raise
                        except BaseException as error:  # noqa: BLE001 - what `athrow` was given
                            step.resume(paused)
                            value = await values.athrow(error)
                        else:
                            step.resume(paused)
                            value = await values.asend(sent)
                except StopAsyncIteration:
                    pass
                finally:
                    _record(step, texts.join())

    return call


class _Texts:
    """The texts that a generator yields, as far as a step shows them."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._length = 0

    def add(self, value: object) -> None:
        if isinstance(value, str) and self._length <= TEXT_LIMIT:
            self._texts.append(value)
            self._length += len(value)

    def join(self) -> str:
        return "".join(self._texts)


def _name_arguments(
    signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError:  # the call itself will say what is wrong
        return {}
    bound.apply_defaults()
    # What a method belongs to is no input.
    return {name: it for name, it in bound.arguments.items() if name not in ("self", "cls")}


def _record(step: CallStep, result: object) -> None:
    is_empty = result is None or (isinstance(result, str) and not result)
    if not is_empty and not step.output:
        step.output = result
