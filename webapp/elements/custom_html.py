"""The HTML of an app's own elements, and what a page takes of it.

The template is the author's, and what it is given may come from anywhere. So a page takes no more
of it than of other text: no script, nothing that our own scripts or htmx obey, and no id that is
one of the page. A form or a button is live if the element was stored with its action, and goes to
the address of that action alone.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import nh3
from markupsafe import Markup

from webapp.authoring.chat_message import ActionData, ElementData
from webapp.authoring.elements.custom_forms import (
    ACTION_ATTRIBUTE,
    FIELD_PREFIX,
    FORM_TAGS,
    INPUT_TYPES,
    TemplateActions,
)
from webapp.authoring.elements.custom_templates import find_template, render_custom
from webapp.authoring.errors import MisuseError
from webapp.elements.custom_forms_html import write_forms
from webapp.pages.message_actions import Actions
from webapp.profiles.icons import public_url
from webapp.profiles.missing_files import MissingFiles
from webapp.web.log import log_failure

_TEXT = """
a abbr address article aside b bdi bdo blockquote br caption cite code col colgroup dd del details
dfn div dl dt em figcaption figure footer h2 h3 h4 h5 h6 header hr i img ins kbd li mark meter ol p
pre progress q s samp section small span strong sub summary sup table tbody td tfoot th thead time
tr u ul var
"""
_FORMS = """
button datalist fieldset form input label legend optgroup option output select textarea
"""
_DRAWING = "svg g path rect circle ellipse line polyline polygon text tspan"
_EVERYWHERE = """
class dir hidden id lang role title aria-describedby aria-hidden aria-label aria-labelledby
"""
_DRAWN = """
cx cy d fill fill-opacity font-size height opacity points r rx ry stroke stroke-dasharray
stroke-linecap stroke-linejoin stroke-width text-anchor transform viewBox width x x1 x2 y y1 y2
"""
_FIELD = "autocomplete disabled name readonly required"
_TAGS = frozenset((*_TEXT.split(), *_DRAWING.split()))
# Only for an element that was stored with an action.
_FORM_TAGS = frozenset(_FORMS.split())
_ATTRIBUTES = {
    "*": _EVERYWHERE,
    "a": "href",
    "button": f"{ACTION_ATTRIBUTE} disabled name type value",
    "details": "open",
    "fieldset": "disabled",
    "form": ACTION_ATTRIBUTE,
    "img": "src alt width height",
    "input": (
        f"{_FIELD} checked inputmode list max maxlength min minlength pattern placeholder size "
        "step type value"
    ),
    "label": "for",
    "meter": "value min max low high optimum",
    "ol": "start reversed",
    "optgroup": "disabled label",
    "option": "disabled label selected value",
    "output": "for",
    "progress": "value max",
    "select": f"{_FIELD} multiple size",
    "td": "colspan rowspan",
    "textarea": f"{_FIELD} cols maxlength minlength placeholder rows",
    "th": "colspan rowspan scope",
    "time": "datetime",
    **dict.fromkeys(_DRAWING.split(), _DRAWN),
}
_NAMES = frozenset(("id", "for", "list", "aria-describedby", "aria-labelledby"))


def custom_html(
    folder: Path | None,
    element: ElementData,
    root: str,
    actions: Actions | None = None,
    whole_page: bool = False,
    message_id: object = None,
    missing: MissingFiles | None = None,
) -> Markup | None:
    """Return the HTML of an element, or ``None`` if its template cannot show it.

    Parameters
    ----------
    folder:
        That of the app file.
    root:
        The path of the site.
    actions:
        What the viewer can do, if they may press buttons. Otherwise forms and buttons are disabled.
    whole_page:
        Whether the element is on a page of its own, beside which there is no chat.
    message_id:
        The message that shows it.
    missing:
        What tells the author of pictures that are not there.
    """
    props = element.details.get("props")
    stored = [ActionData.from_json(action) for action in element.details.get("actions", ())]
    named = TemplateActions(element.id, stored)
    try:
        html = render_custom(
            find_template(folder, element.name), props if isinstance(props, dict) else {}, named
        )
    except (MisuseError, OSError, UnicodeError) as error:
        log_failure("custom_element.failed", error, element=element.id)
        return None
    tags = _TAGS | _FORM_TAGS if stored else _TAGS
    tell = partial(missing.tell_file, f"elements/{element.name}.html") if missing else None
    cleaned = _clean(html, tags, element.id, root, tell)
    if stored:
        live = actions if actions and actions.may_press else None
        cleaned = write_forms(cleaned, element, live, message_id, whole_page=whole_page)
    return Markup(cleaned)  # noqa: S704


def form_html(
    folder: Path | None,
    question: Mapping[str, Any],
    root: str,
    missing: MissingFiles | None = None,
) -> Markup | None:
    """Return the fields that a question of the app asks for, or ``None`` as for `custom_html`.

    Parameters
    ----------
    question:
        Of the kind ``element``, as the details of its message have it.
    """
    element = question["element"]
    try:
        template = find_template(folder, element["name"])
        actions = TemplateActions(uuid.UUID(question["id"]))
        html = render_custom(template, element["props"], actions)
    except (MisuseError, OSError, UnicodeError) as error:
        log_failure("custom_element.failed", error, question=question["id"])
        return None
    tags = _TAGS | _FORM_TAGS - {"form", "button"}
    tell = partial(missing.tell_file, f"elements/{element['name']}.html") if missing else None
    return Markup(_clean(html, tags, question["id"], root, tell))  # noqa: S704


def _clean(
    html: str,
    tags: frozenset[str],
    key: object,
    root: str,
    tell_file: Callable[[str], None] | None,
) -> str:
    return nh3.clean(
        html,
        tags=set(tags),
        attributes={tag: set(names.split()) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=partial(_keep_attribute, f"custom-{key}-", root, tell_file),
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel="noopener noreferrer nofollow ugc",
    )


def _keep_attribute(
    prefix: str,
    root: str,
    tell_file: Callable[[str], None] | None,
    tag: str,
    name: str,
    value: str,
) -> str | None:
    """Return what a page takes of an attribute."""
    if name in _NAMES:
        return " ".join(f"{prefix}{part}" for part in value.split()) or None
    if name == "href" and value.startswith("#"):
        return f"#{prefix}{value[1:]}"
    if tag == "img" and name == "src":
        # The policy of the page takes pictures of the site only.
        if tell_file is not None:
            tell_file(value)
        return public_url(root, value)
    if "url(" in value.lower() and name in ("fill", "stroke"):
        return None
    return _keep_field(tag, name, value) if tag in FORM_TAGS else value


def _keep_field(tag: str, name: str, value: str) -> str | None:
    if name == "name":
        return f"{FIELD_PREFIX}{value}" if value else None
    if name == "type" and tag == "input" and value.lower() not in INPUT_TYPES:
        return "text"
    return value
