"""The settings of a chat as HTML: the values gathered here, rendered by the templates."""

from __future__ import annotations

import json
import uuid
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import render_template
from werkzeug.exceptions import HTTPException

from webapp.authoring.inputs.reading import list_widgets, texts_of
from webapp.chats.snapshots import profile_from_snapshot
from webapp.chats.store import StoredChat
from webapp.database.engines import release_connection
from webapp.pages.chat_addresses import addresses_of
from webapp.pages.settings.form import PREFIX
from webapp.profiles.icons import label
from webapp.profiles.offer import offered_profiles
from webapp.site import chat_app
from webapp.turns.settings.changes import (
    NoSettingsError,
    SettingsRefusedError,
    current_settings,
)
from webapp.web.errors import explanation

ENDED = "This chat has ended. Write a message to continue it, then change its settings."
WITHDRAWN = (
    "The profile “{}” of this chat is no longer available, so its settings cannot be changed."
)


@dataclass(frozen=True, kw_only=True)
class SettingField:
    """A widget in the form.

    Parameters
    ----------
    name:
        Of the field.
    html_id:
        Of the element.
    texts:
        What the form sends if it is left as it is.
    drawn:
        Changes when the app changes the widget or its value.
    problem:
        What is to be corrected, if something is.
    """

    widget: Mapping[str, Any]
    name: str
    html_id: str
    texts: Sequence[str]
    drawn: str
    problem: str


@dataclass(frozen=True, kw_only=True)
class FieldGroup:
    """Widgets under the label of their tab, or under none."""

    label: str
    fields: Sequence[SettingField]

    @property
    def has_problem(self) -> bool:
        """Return whether something in it is to be corrected."""
        return any(field.problem for field in self.fields)


def render_settings(
    chat: StoredChat,
    template: str,
    sent: Mapping[str, Sequence[str]] | None = None,
    refusal: HTTPException | None = None,
    *,
    draft: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """Render the settings of a chat with a template of a page, a panel or a form.

    Parameters
    ----------
    sent:
        What the user wanted to set, by the ids of the widgets; ``None`` for what is set.
    refusal:
        Why that was not saved.
    draft:
        What the form sends for some widgets. The others have their initial values then, and not
        what is set.

    Raises
    ------
    NoSettingsError
        The chat has none.
    """
    settings = current_settings(chat)
    if settings is None:
        raise NoSettingsError
    offered = chat.profile is None or offered_profiles().find(chat.profile) is not None
    profile = offered_profiles().find(chat.profile) or profile_from_snapshot(
        chat.profile, chat.snapshots
    )
    why_closed = "" if offered else WITHDRAWN
    problems = refusal.problems if isinstance(refusal, SettingsRefusedError) else {}
    groups = _group_fields(settings, sent, draft, problems)
    addresses = addresses_of(chat.id)
    what = explanation(refusal) if refusal is not None else None
    release_connection()
    return render_template(
        template,
        chat=chat,
        addresses=addresses,
        current=profile,
        offer=offered_profiles(),
        notices=[],
        groups=groups,
        # Those of widgets that are there no more.
        others=problems.keys() - {widget["id"] for widget in list_widgets(settings["widgets"])},
        what=what,
        why_closed=why_closed or (ENDED if chat.ended_at is not None else ""),
        profile_label=label(profile) if profile else "",
        edits=chat_app().get("on_settings_edit") is not None,
        key=uuid.uuid4(),
    )


def _group_fields(
    settings: Mapping[str, Any],
    sent: Mapping[str, Sequence[str]] | None,
    draft: Mapping[str, Sequence[str]] | None,
    problems: Mapping[str, str],
) -> list[FieldGroup]:
    shown, stored = settings["widgets"], settings["values"]
    values = stored if draft is None else {}
    numbers = {widget["id"]: number for number, widget in enumerate(list_widgets(shown))}

    def make_field(widget: Mapping[str, Any]) -> SettingField:
        key = widget["id"]
        texts = texts_of(widget, values.get(key, widget["initial"]))
        if sent is not None and not widget["disabled"]:
            texts = list(sent.get(key, ()))
        if draft is not None:
            texts = list(draft.get(key, texts))
        state = json.dumps([widget, stored.get(key)])
        return SettingField(
            widget=widget,
            name=f"{PREFIX}{key}",
            html_id=f"{PREFIX}{numbers[key]}",
            texts=texts,
            drawn=f"{zlib.crc32(state.encode()):x}",
            problem=problems.get(key, ""),
        )

    plain = [make_field(widget) for widget in shown if "inputs" not in widget]
    groups = [FieldGroup(label="", fields=plain)] if plain else []
    groups += [
        FieldGroup(label=tab["label"], fields=[make_field(widget) for widget in tab["inputs"]])
        for tab in shown
        if "inputs" in tab
    ]
    return groups
