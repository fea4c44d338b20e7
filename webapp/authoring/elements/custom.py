"""`CustomElement`: what an app shows by a template of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from webapp.authoring.chat_message import ElementDisplay, NewFile, StoredFile
from webapp.authoring.context import running_chat
from webapp.authoring.elements.custom_forms import TemplateActions, read_actions
from webapp.authoring.elements.custom_templates import (
    FOLDER,
    CustomTemplateError,
    check_template,
    find_template,
    render_custom,
)
from webapp.authoring.elements.element import Element
from webapp.authoring.errors import MisuseError, refuse_unknown_arguments
from webapp.authoring.json_values import json_problem
from webapp.authoring.text import clean_json

PROPS_LIMIT = 100_000
_OWN_FORM = re.compile(r"<(form|button)\b", re.IGNORECASE)


@refuse_unknown_arguments
class CustomElement(Element):
    """Something that a template of yours shows.

    Parameters
    ----------
    name:
        The name of the template: ``elements/NAME.html`` beside the app file.
    props:
        What the template is given as ``props``. It is stored with the chat as JSON, of at most
        100,000 characters.
    display:
        Where it is shown, as for each `Element`.

    Example
    -------
    ::

        ticket = cl.CustomElement(name="Ticket", props={"title": "Broken lamp", "open": True})
        await cl.Message(content="I have made a ticket.", elements=[ticket]).send()
        ticket.props["open"] = False
        await ticket.update()
    """

    kind = "custom"

    def __init__(
        self,
        *,
        name: str,
        props: Mapping[str, Any] | None = None,
        display: ElementDisplay = "inline",
    ) -> None:
        super().__init__(name=name, display=display)
        self.props: dict[str, Any] = dict(props or {})
        self._shown: dict[str, Any] = {}

    def new_files(self) -> list[NewFile]:
        """Return no files. Render the template once, so that its author hears of mistakes."""
        template, props = self._read_props()
        self._shown = {"props": props}
        actions = TemplateActions(self._id)
        html = render_custom(template, props, actions)
        try:
            stored = read_actions(html, actions.found)
        except MisuseError as error:
            raise CustomTemplateError(f"{FOLDER}/{template.name} has {error}") from error
        if stored:
            self._shown["actions"] = stored
        return []

    def render_form(self) -> tuple[dict[str, Any], str]:
        """Return the props and the HTML for a question, which is the form around them.

        Raises
        ------
        MisuseError
            The props are no JSON, or the template is wrong.
        """
        template, props = self._read_props()
        html = render_custom(template, props, TemplateActions(self._id))
        if _OWN_FORM.search(html):
            raise CustomTemplateError(
                f"{FOLDER}/{template.name} has a form or a button. AskElementMessage brings both: "
                "leave the fields."
            )
        return props, html

    def _read_props(self) -> tuple[Path, dict[str, Any]]:
        try:
            problem = json_problem(self.props, "props")
            text = "" if problem else json.dumps(self.props)
        except (RecursionError, ValueError):
            problem, text = "props hold themselves, or are nested too deeply", ""
        if len(text) > PROPS_LIMIT:
            problem = f"props have {len(text):,} characters, and may have {PROPS_LIMIT:,}"
        if problem:
            raise MisuseError(
                f"CustomElement {self.name}: {problem}. Give text, numbers, lists and dicts."
            )
        template = find_template(running_chat("CustomElement").app_folder, self.name)
        check_template(template)
        props: dict[str, Any] = clean_json(json.loads(text))
        return template, props

    def details(self, stored: Sequence[StoredFile]) -> dict[str, Any]:
        """Return the props as they are now, and the actions that the template makes of them."""
        del stored
        return self._shown
