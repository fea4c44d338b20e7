"""`on_window_message` and `send_window_message`: the page in whose frame a chat is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from webapp.authoring.awaitable_object import AwaitableObject, Done
from webapp.authoring.context import running_chat
from webapp.authoring.errors import MisuseError
from webapp.authoring.json_values import json_problem
from webapp.authoring.loading.registration import register
from webapp.authoring.loading.signatures import Arguments, refuse_brackets

WINDOW = "window"
# A page that is loaded later need not know more of them.
KEPT_MESSAGES = 20
CHARACTERS_LIMIT = 20_000

WindowCallback = TypeVar("WindowCallback", bound=Callable[[], Any] | Callable[[Any], Any])


@refuse_brackets
def on_window_message(callback: WindowCallback) -> WindowCallback:
    """Register the function that gets what the page sends in whose frame the chat is.

    The page is one of ``WEBAPP_FRAME_ANCESTORS``, and sends with ``postMessage``.

    Parameters
    ----------
    callback:
        A function without parameters, or of the message, ``def`` or ``async def``. The message is
        text, or what JSON can hold. It runs in the chat, as an answer does.

    Example
    -------
    ::

        @cl.on_window_message
        async def window_message(message: str):
            if message.startswith("Client: "):
                await cl.send_window_message("Server: Hello")
    """
    return register("on_window_message", callback, Arguments(("message",)))


def send_window_message(data: Any) -> Done:
    """Send something to the page in whose frame the chat is. You may await it or not.

    Parameters
    ----------
    data:
        What JSON can hold, at most 20,000 characters of it. The page gets it as the ``data`` of a
        ``message`` event. Only a page of ``WEBAPP_FRAME_ANCESTORS`` does.

    Raises
    ------
    MisuseError
        It cannot be JSON or is too long, the callback has ended, or the call is outside a chat.

    Example
    -------
    ::

        await cl.send_window_message({"chosen": "Rome"})
    """
    chat = running_chat("send_window_message()")
    problem = json_problem(data, "the message")
    if problem is None and len(json.dumps(data)) > CHARACTERS_LIMIT:
        problem = f"the message is longer than {CHARACTERS_LIMIT:,} characters"
    if problem is not None:
        raise MisuseError(f"send_window_message: {problem}.")
    sent = chat.inputs.get(WINDOW, [])
    number = sent[-1]["number"] + 1 if sent else 1
    new = {"number": number, "time": round(time.time()), "data": data}
    chat.inputs.set(WINDOW, [*sent, new][-KEPT_MESSAGES:])
    return Done(AwaitableObject())
