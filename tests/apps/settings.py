"""An app with every widget of the settings, for tests. It answers with what is set."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import webapp as cl
from webapp.input_widget import (
    Checkbox,
    DatePicker,
    MultiSelect,
    NumberInput,
    RadioGroup,
    Select,
    Slider,
    Switch,
    Tab,
    Tags,
    TextInput,
)

MODEL = Select("Model", "Model", values=["small", "large"], initial_index=0)
WIDGETS = [
    MODEL,
    Switch("Streaming", "Stream the answer", True),
    Slider("Temperature", "Temperature", 1, min=0, max=2, step=0.1, tooltip="How daring it is"),
    Slider("Steps", "Steps", 30, min=0, max=150, description="More take longer."),
    TextInput("Name", "Your name", placeholder="Ada"),
    TextInput("Prompt", "Prompt", "Be kind.", multiline=True),
    NumberInput("Seed", "Seed"),
    NumberInput("Weight", "Weight", 0.5),
    Tags("Stop", "Stop words", ["Answer:", "one, two"]),
    MultiSelect("Tools", "Tools", ["search"], items={"Search": "search", "Run code": "code"}),
    Checkbox("Sources", "Show the sources"),
    RadioGroup("Tone", "Tone", values=["kind", "short"]),
    DatePicker("Day", "Day", "2026-05-01", min_date="2026-01-01", max_date="2026-12-31"),
    DatePicker("Period", "Period", mode="range"),
    Switch("Locked", "Locked", True, disabled=True),
]
TABS = [Tab("main", "Main", WIDGETS[:8]), Tab("more", "More", WIDGETS[8:])]


@cl.set_chat_profiles
def profiles() -> list[cl.ChatProfile]:
    return [
        cl.ChatProfile("Plain", "All in one."),
        cl.ChatProfile("Tabs", "In tabs."),
        cl.ChatProfile("None", "Without settings."),
    ]


@cl.on_chat_start
async def start() -> None:
    before = cl.user_session.get("chat_settings")
    profile = cl.user_session.get("chat_profile")
    if profile != "None":
        settings = await cl.ChatSettings(TABS if profile == "Tabs" else WIDGETS).send()
        same = settings == cl.user_session.get("chat_settings")
        await cl.Message(f"started with {before}, {same}, {type(settings).__name__}").send()


@cl.on_message
async def answer(message: cl.Message) -> None:
    if message.content == "wait":
        await asyncio.sleep(20)
    settings = cl.user_session.get("chat_settings")
    await cl.Message(f"```\n{json.dumps(settings)}\n```").send()


@cl.on_settings_update
async def update(settings: dict[str, Any]) -> None:
    if settings["Name"] == "silent":
        return
    if settings["Name"] == "fail":
        raise ValueError("no")
    if settings["Name"] == "wait":
        await asyncio.sleep(20)
    assert settings == cl.user_session.get("chat_settings")
    await cl.Message(f"now {settings['Model']}").send()
