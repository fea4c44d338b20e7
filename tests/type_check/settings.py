"""Read by mypy, never run: the settings of a chat, and their widgets."""

from __future__ import annotations

from typing import Any, assert_type

import chat_profiles as cl
from chat_profiles.input_widget import DatePicker, Select, Slider, Tab


@cl.on_settings_update
async def update(settings: dict[str, Any]) -> None:
    values = await cl.ChatSettings(
        [
            Select("Model", "Model", values=["small", "large"], initial_index=0),
            Tab("more", "More", [Slider("Temperature", "Temperature", 0.5, max=1, step=0.1)]),
        ]
    ).send()
    assert_type(values, dict[str, Any])
    await cl.ChatSettings([DatePicker("Day", "Day")]).refresh()


@cl.on_settings_edit
def edit() -> None:
    cl.ChatSettings([cl.input_widget.Switch("a", "A", initial=True)]).send()["a"]


Slider("Temperature", "Temperature", maximum=1)  # type: ignore[call-arg]
cl.ChatSettings([1])  # type: ignore[list-item]
