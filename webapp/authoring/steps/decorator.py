"""`step`: makes a step of each call of a function. `set_cot`: which steps users see."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ParamSpec, TypeVar, get_args, overload

from webapp.authoring.errors import MisuseError
from webapp.authoring.loading.app_file import app_being_loaded
from webapp.authoring.overrides.config_overrides import Cot
from webapp.authoring.steps.recording import record_calls
from webapp.authoring.steps.step import Step, StepType
from webapp.authoring.tools import name_of

P = ParamSpec("P")
R = TypeVar("R")


@overload
def step(original_function: Callable[P, R], /) -> Callable[P, R]: ...


@overload
def step(
    *,
    name: str | None = "",
    type: StepType | str = "undefined",
    id: str | None = None,
    parent_id: str | None = None,
    tags: list[str] | None = None,
    metadata: dict[str, Any] | None = None,
    language: str | None = None,
    icon: str | None = None,
    show_input: bool | str = "json",
    default_open: bool = False,
    auto_collapse: bool = False,
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def step(
    original_function: Callable[..., Any] | None = None,
    *,
    name: str | None = "",
    type: StepType | str = "undefined",
    id: str | None = None,
    parent_id: str | None = None,
    tags: list[str] | None = None,
    metadata: dict[str, Any] | None = None,
    language: str | None = None,
    icon: str | None = None,
    show_input: bool | str = "json",
    default_open: bool = False,
    auto_collapse: bool = False,
) -> Any:
    """Show each call of a function as a step, with its arguments and what it returns.

    The function may be a ``def``, an ``async def`` or a generator. Of a generator, the texts that
    it yields are shown once it has ended. What the function returns or raises stays the same.

    Parameters
    ----------
    name:
        What people read. If you leave it out, the name of the function.
    type, id, parent_id, tags, metadata, language, icon, default_open, auto_collapse:
        As of a `Step`.
    show_input:
        ``False`` keeps the arguments to yourself: say so where they hold a key or a password.
        Otherwise they are shown as JSON.

    Example
    -------
    ::

        @cl.step(type="tool", name="Search")
        async def search(question):
            return await client.search(question)
    """

    make_step = partial(
        Step,
        type=type,
        id=id,
        parent_id=parent_id,
        metadata=metadata,
        tags=tags,
        language=language,
        icon=icon,
        default_open=default_open,
        auto_collapse=auto_collapse,
        show_input=show_input,
    )

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        if not callable(function):
            raise MisuseError(f"@step takes a function, not {function!r:.80}: @step(name=...).")
        return record_calls(function, partial(make_step, name=name or name_of(function)))

    return decorate if original_function is None else decorate(original_function)


def set_cot(cot: Cot) -> None:
    """Choose which steps users see: the chain of thought.

    A profile may say otherwise, by ``ChatProfile(cot=...)``. A step that is not shown is not stored
    and never sent to a browser.

    Parameters
    ----------
    cot:
        ``"full"``: all, as without this call. ``"tool_call"``: those of the type ``"tool"``.
        ``"hidden"``: none.

    Raises
    ------
    MisuseError
        The value is another one, or the call is the second one or stands outside an app file.

    Example
    -------
    ::

        cl.set_cot("tool_call")
    """
    app = app_being_loaded("set_cot()")
    if cot not in get_args(Cot):
        raise MisuseError(f'set_cot() takes "full", "tool_call" or "hidden", not {cot!r:.80}.')
    if app.cot is not None:
        raise MisuseError("set_cot() is used twice. Keep one of the calls.")
    app.cot = cot
