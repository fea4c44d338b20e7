"""`action_callback`: what runs when a user presses a button."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from webapp.authoring.actions.action import ACTION_NAME_LIMIT, Action
from webapp.authoring.errors import MisuseError
from webapp.authoring.loading.registration import register
from webapp.authoring.loading.signatures import Arguments
from webapp.authoring.text import clean_text

ActionCallback = TypeVar("ActionCallback", bound=Callable[[], Any] | Callable[[Action], Any])


def action_callback(name: str) -> Callable[[ActionCallback], ActionCallback]:
    """Register the function that runs when a user presses the buttons of a name.

    Parameters
    ----------
    name:
        The ``name`` of the `Action`. Each name has one function.

    Returns
    -------
    callable
        The decorator. Its function has no parameters, or takes the `Action` that was pressed,
        ``def`` or ``async def``. It runs as `on_message` does, and its return value is ignored.

    Example
    -------
    ::

        @cl.action_callback("approve")
        async def approve(action: cl.Action):
            await cl.Message(content=f"Order {action.payload['order']} is approved.").send()
            await action.remove()
    """
    if not isinstance(name, str):
        raise MisuseError(
            "@action_callback needs the name of the action: write "
            '@action_callback("name") on the line above `def`.'
        )
    if not name.strip() or len(name) > ACTION_NAME_LIMIT:
        raise MisuseError(
            f"@action_callback: the name of an action has 1 to {ACTION_NAME_LIMIT} characters, "
            f"and not only spaces. This one is {name!r:.80}."
        )

    def decorator(callback: ActionCallback) -> ActionCallback:
        return register(decorator_of(name), callback, Arguments(("action",)))

    return decorator


def decorator_of(name: str) -> str:
    """Return under which decorator the callback of a name is registered, without its ``@``."""
    return f'action_callback("{clean_text(name)}")'
