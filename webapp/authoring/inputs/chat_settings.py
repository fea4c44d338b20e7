"""`ChatSettings`: what the user of a chat can set in a panel beside the composer."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from webapp.authoring.context import ChatContext, running_chat
from webapp.authoring.errors import MisuseError, refuse_unknown_arguments
from webapp.authoring.inputs.reading import SettingError, fit_setting, list_widgets
from webapp.authoring.inputs.tab import Tab
from webapp.authoring.inputs.widgets import InputWidget

SETTINGS = "settings"
# What a form may send: each widget once, and each box of a `MultiSelect`.
MOST_FIELDS = 400


class SettingValues(dict[str, Any]):
    """The values of settings by the ids of their widgets. You may await it."""

    # `asyncio.gather` keeps what it awaits in a dict.
    __hash__: ClassVar[Any] = object.__hash__

    def __await__(self) -> Generator[Any, None, dict[str, Any]]:
        """Return the values as a plain dict."""
        yield from ()
        return dict(self)


@refuse_unknown_arguments
class ChatSettings:
    """A form in which the user of the chat sets what you offer.

    The values are kept with the chat. The next chat of this user with the same profile begins with
    them, where the widgets still take them. `on_settings_update` tells you of each change.

    Parameters
    ----------
    inputs:
        Widgets of `chat_profiles.input_widget`, or `Tab` objects that group them. Their ids are
        unique. ``[]`` takes the form away.

    Raises
    ------
    MisuseError
        It is no list of widgets, two of them have the same id, or there are too many.

    Example
    -------
    ::

        from chat_profiles.input_widget import Select, Slider

        @cl.on_chat_start
        async def start():
            settings = await cl.ChatSettings([
                Select(id="Model", label="Model", values=["small", "large"], initial_index=0),
                Slider(id="Temperature", label="Temperature", initial=1, max=2, step=0.1),
            ]).send()
            cl.user_session.set("model", settings["Model"])

    The documentation page this follows is "Chat Settings" of the Chainlit guide.
    """

    def __init__(self, inputs: Sequence[InputWidget | Tab]) -> None:
        given: object = inputs
        if not isinstance(given, list | tuple) or not all(
            isinstance(each, InputWidget | Tab) for each in given
        ):
            raise MisuseError(
                "ChatSettings takes a list of widgets, such as Slider and Select of "
                "chat_profiles.input_widget, or a list of Tab."
            )
        self.inputs = inputs
        ids = [widget.id for widget in self._widgets()]
        if twice := next((key for key in ids if ids.count(key) > 1), None):
            raise MisuseError(
                f"ChatSettings: two widgets have the id {twice[:40]!r}, which is the key of their "
                "value. Give one of them another id."
            )
        boxes = [getattr(widget, "items", ()) for widget in self._widgets()]
        fields = sum(1 + len(items) for items in boxes)
        if fields > MOST_FIELDS:
            raise MisuseError(
                f"ChatSettings has {fields} widgets and choices, and may have {MOST_FIELDS}."
            )

    def settings(self) -> dict[str, Any]:
        """Return the initial values of the widgets, by their ids."""
        return {widget.id: widget.to_dict()["initial"] for widget in self._widgets()}

    def send(self) -> SettingValues:
        """Show the form, and return its values. You may await it or not.

        The values are the initial ones of the widgets. In a chat that had no form before they are
        what the user set last under this profile, and in ``@on_chat_resume`` what is set in the
        chat, as far as the widgets take that.

        Raises
        ------
        MisuseError
            The call is outside a chat, the callback has ended, or the form is too long.
        """
        chat = running_chat("ChatSettings.send()")
        shown = [each.to_dict() for each in self.inputs]
        kept: Mapping[str, Any] = {}
        if shown and chat.inputs.get(SETTINGS) is None:
            kept = chat.find_setting_defaults(chat.chat_profile)
        elif shown and chat.callback == "on_chat_resume":
            # The app shows its form again. Everywhere else it may want to change what is set.
            kept = values_now(chat)

        values = {}
        for widget in list_widgets(shown):
            key = widget["id"]
            values[key] = widget["initial"]
            if key in kept and not widget["disabled"]:
                with suppress(SettingError):  # it is another widget now
                    values[key] = fit_setting(widget, kept[key])
        chat.inputs.set(SETTINGS, {"widgets": shown, "values": values} if shown else None)
        return SettingValues(values)

    def refresh(self) -> SettingValues:
        """Show the form with its initial values, and leave the values that are set as they are.

        Use it in ``@on_settings_edit``, to offer something else while the user has not saved yet.
        It returns the initial values. You may await it or not.

        Raises
        ------
        MisuseError
            As for `send`.
        """
        chat = running_chat("ChatSettings.refresh()")
        shown = [each.to_dict() for each in self.inputs]
        chat.inputs.set(SETTINGS, {"widgets": shown, "values": values_now(chat)})
        return SettingValues(self.settings())

    def _widgets(self) -> list[InputWidget]:
        return [
            widget
            for each in self.inputs
            for widget in (each.inputs if isinstance(each, Tab) else [each])
        ]


def values_now(chat: ChatContext) -> dict[str, Any]:
    """Return what is set in a chat at this moment, by the ids of the widgets."""
    values: dict[str, Any] = chat.inputs.get(SETTINGS, {}).get("values", {})
    return values
