"""The HTML of an app's own elements, and what a page takes of it.

The template is the author's, and what it is given may come from anywhere. So a page takes no more
of it than of other text: no script, no form, nothing that our own scripts or htmx obey, and no id
that is one of the page.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import nh3
from markupsafe import Markup

from webapp.authoring.chat_message import ElementData
from webapp.authoring.elements.custom_templates import find_template, render_custom
from webapp.authoring.errors import MisuseError
from webapp.profiles.icons import public_url
from webapp.web.log import log_failure

_TEXT = """
a abbr address article aside b bdi bdo blockquote br caption cite code col colgroup dd del details
dfn div dl dt em figcaption figure footer h2 h3 h4 h5 h6 header hr i img ins kbd li mark meter ol p
pre progress q s samp section small span strong sub summary sup table tbody td tfoot th thead time
tr u ul var
"""
_DRAWING = "svg g path rect circle ellipse line polyline polygon text tspan"
_EVERYWHERE = """
class dir hidden id lang role title aria-describedby aria-hidden aria-label aria-labelledby
"""
_DRAWN = """
cx cy d fill fill-opacity font-size height opacity points r rx ry stroke stroke-dasharray
stroke-linecap stroke-linejoin stroke-width text-anchor transform viewBox width x x1 x2 y y1 y2
"""
_TAGS = frozenset((*_TEXT.split(), *_DRAWING.split()))
_ATTRIBUTES = {
    "*": _EVERYWHERE,
    "a": "href",
    "details": "open",
    "img": "src alt width height",
    "meter": "value min max low high optimum",
    "ol": "start reversed",
    "progress": "value max",
    "td": "colspan rowspan",
    "th": "colspan rowspan scope",
    "time": "datetime",
    **dict.fromkeys(_DRAWING.split(), _DRAWN),
}
_NAMES = frozenset(("id", "aria-describedby", "aria-labelledby"))


def custom_html(folder: Path | None, element: ElementData, root: str) -> Markup | None:
    """Return the HTML of an element, or ``None`` if its template cannot show it.

    Parameters
    ----------
    folder:
        That of the app file.
    root:
        The path of the site.
    """
    props = element.details.get("props")
    try:
        html = render_custom(
            find_template(folder, element.name), props if isinstance(props, dict) else {}
        )
    except (MisuseError, OSError, UnicodeError) as error:
        log_failure("custom_element.failed", error, element=element.id)
        return None
    cleaned = nh3.clean(
        html,
        tags=set(_TAGS),
        attributes={tag: set(names.split()) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=partial(_keep_attribute, f"custom-{element.id}-", root),
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel="noopener noreferrer nofollow ugc",
    )
    return Markup(cleaned)  # noqa: S704


def _keep_attribute(prefix: str, root: str, tag: str, name: str, value: str) -> str | None:
    """Return what a page takes of an attribute."""
    if name in _NAMES:
        return " ".join(f"{prefix}{part}" for part in value.split()) or None
    if name == "href" and value.startswith("#"):
        return f"#{prefix}{value[1:]}"
    if tag == "img" and name == "src":
        # The policy of the page takes pictures of the site only.
        return public_url(root, value)
    if "url(" in value.lower() and name in ("fill", "stroke"):
        return None
    return value
