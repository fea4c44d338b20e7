"""The forms and buttons of an app's own elements, with the addresses to which they go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html.parser import HTMLParser

from markupsafe import escape

from webapp.authoring.chat_message import ActionData, ElementData
from webapp.authoring.elements.custom_forms import ACTION_ATTRIBUTE, FORM_TAGS
from webapp.pages.message_actions import Actions
from webapp.web.csrf import CSRF_FIELD

# In the value of another attribute, nh3 writes a quote as `&quot;`.
_ACTION = re.compile(rf' {ACTION_ATTRIBUTE}="[^"]*"')
_IN_CHAT = {"hx-target": "#messages", "hx-swap": "beforeend", "hx-sync": "this:drop"}


def write_forms(
    cleaned: str,
    element: ElementData,
    actions: Actions | None,
    message_id: object,
    *,
    whole_page: bool,
) -> str:
    """Return cleaned HTML with the address, token and key in each form whose action is stored.

    What has no such action is disabled.
    """
    writer = _FormWriter(element, actions, message_id, whole_page=whole_page)
    writer.feed(cleaned)
    writer.close()
    return writer.finish()


class _FormWriter(HTMLParser):
    """Copies HTML as it is, but for the tags of forms."""

    def __init__(
        self,
        element: ElementData,
        actions: Actions | None,
        message_id: object,
        *,
        whole_page: bool,
    ) -> None:
        super().__init__(convert_charrefs=False)
        self._parts: list[str] = []
        self._element_id = str(element.id)
        self._message_id = message_id
        self._viewer = actions
        self._whole_page = whole_page
        stored = element.details.get("actions", ())
        self._actions = {it["id"]: ActionData.from_json(it) for it in stored} if actions else {}
        self._numbers = {it["id"]: it["form"] for it in stored}
        # The form around, and its action. Without one, what is in the form is disabled.
        self._in_form = False
        self._form_action: ActionData | None = None
        self._needs_form = False

    def finish(self) -> str:
        """Return the HTML, with the form of the buttons that stand in none."""
        if self._needs_form and self._viewer is not None:
            fields = self._hidden_fields(0)
            form = f'<form id="press-{self._element_id}" method="post" hidden>{fields}</form>'
            self._parts.append(form)
        return "".join(self._parts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        text = self.get_starttag_text() or ""
        action = self._actions.get(dict(attrs).get(ACTION_ATTRIBUTE) or "")
        if tag == "form":
            self._in_form, self._form_action = True, action
            text = self._open_form(text, action)
        elif tag == "button" and (action or self._form_action):
            text = self._write_button(text, action)
        elif tag in FORM_TAGS and not self._form_action and "disabled" not in dict(attrs):
            text = _with_attributes(text, {"disabled": ""})
        self._parts.append(text)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag, attrs
        self._parts.append(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._in_form, self._form_action = False, None
        self._parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self._parts.append(data)

    def handle_entityref(self, name: str) -> None:
        self._parts.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._parts.append(f"&#{name};")

    def _open_form(self, text: str, action: ActionData | None) -> str:
        if action is None or self._viewer is None:
            return _with_attributes(text, {})
        address = self._viewer.addresses.press(action.id)
        attributes = {"method": "post", "action": address, "autocomplete": "off"}
        form = _with_attributes(text, {**attributes, **self._in_chat(address)})
        return form + self._hidden_fields(self._numbers[str(action.id)])

    def _write_button(self, text: str, action: ActionData | None) -> str:
        shown = action or self._form_action
        if shown is None or self._viewer is None:
            return text
        attributes = {"data-testid": "action", "data-name": shown.name}
        if action is not None:
            address = self._viewer.addresses.press(action.id)
            attributes |= {"formaction": address, **self._in_chat(address)}
        if not self._in_form:
            self._needs_form = True
            attributes["form"] = f"press-{self._element_id}"
        return _with_attributes(text, attributes)

    def _in_chat(self, address: str) -> dict[str, str]:
        return {} if self._whole_page else {"hx-post": address, **_IN_CHAT}

    def _hidden_fields(self, number: int) -> str:
        if self._viewer is None:
            return ""
        key_of = f"key-{self._element_id}-{number}"
        return (
            f'<input type="hidden" name="{CSRF_FIELD}" value="{escape(self._viewer.token)}">'
            f'<input type="hidden" name="message" value="{self._message_id}">'
            f'<input type="hidden" id="{key_of}" name="key" value="{self._viewer.new_key()}">'
        )


def _with_attributes(tag: str, attributes: Mapping[str, str]) -> str:
    """Return a start tag, as nh3 writes it, with other attributes than that of its action."""
    written = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items())
    return f"{_ACTION.sub('', tag).removesuffix('>')}{written}>"
