"""`on_settings_update` and `on_settings_edit`: the user has set something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from webapp.authoring.loading.registration import register
from webapp.authoring.loading.signatures import Arguments, refuse_brackets

SettingsCallback = TypeVar(
    "SettingsCallback", bound=Callable[[], Any] | Callable[[dict[str, Any]], Any]
)


@refuse_brackets
def on_settings_update(callback: SettingsCallback) -> SettingsCallback:
    """Register the function that runs when the user has saved the settings of a chat.

    Parameters
    ----------
    callback:
        A function without parameters, or of the dict of all values by the ids of the widgets,
        ``def`` or ``async def``. The values are those of ``user_session.get("chat_settings")``.
        The messages that it sends are shown. While it runs, the chat takes no message.

    Example
    -------
    ::

        @cl.on_settings_update
        async def update(settings):
            await cl.Message(f"From now on: {settings['Model']}").send()
    """
    return register("on_settings_update", callback, Arguments(("settings",)))


@refuse_brackets
def on_settings_edit(callback: SettingsCallback) -> SettingsCallback:
    """Register the function that runs whenever the user changes a value and has not saved it.

    Parameters
    ----------
    callback:
        A function without parameters, or of the dict of all values as they stand in the form,
        ``def`` or ``async def``. It can show another form with `ChatSettings.refresh`. Browsers
        without JavaScript do not call it.

    Example
    -------
    ::

        MODELS = {"A": ["a1", "a2"], "B": ["b1"]}

        @cl.on_settings_edit
        async def edit(settings):
            provider = settings["Provider"]
            await cl.ChatSettings([
                Select("Provider", "Provider", values=["A", "B"], initial_value=provider),
                Select("Model", "Model", values=MODELS[provider], initial_index=0),
            ]).refresh()
    """
    return register("on_settings_edit", callback, Arguments(("settings",)))
