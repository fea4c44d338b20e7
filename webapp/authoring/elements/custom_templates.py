"""The templates of an app's own elements: Jinja in its sandbox."""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, TemplateError, TemplateNotFound, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from webapp.authoring.elements.custom_forms import TemplateActions
from webapp.authoring.errors import MisuseError, describe_error

FOLDER = "elements"
OUTPUT_LIMIT = 200_000
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}", re.ASCII)
# What no page takes from a template, each with what an author may do instead.
_REFUSED = {
    r"<script\b": "a script, which no page runs",
    r"<style\b|\sstyle\s*=": (
        "a style. Give the tag a class, and put the rule into public/theme.css"
    ),
    r"\son[a-z]+\s*=": "a script in an attribute, which no page runs",
    r"\shx-[a-z-]+\s*=": "an attribute of htmx, which no page obeys here",
    r"<(?:form|button|input)\b[^>]*\s(?:action|formaction|method)\s*=": (
        'an address. Name an @action_callback instead, as in <form {{ action("name") }}>'
    ),
}
_LINE = re.compile("|".join(f"({pattern})" for pattern in _REFUSED), re.IGNORECASE)


class CustomTemplateError(MisuseError):
    """The template of an element cannot be shown. The message names its file and line."""


def find_template(folder: Path | None, name: str) -> Path:
    """Return the template of an element, beside the app file.

    Raises
    ------
    MisuseError
        There is none. The message says where to put it.
    """
    if not NAME.fullmatch(name):
        raise MisuseError(
            "CustomElement name is the name of its template without .html, of letters, digits, "
            f"_ and -, not {name!r:.80}."
        )
    if folder is None:
        raise MisuseError("CustomElement works in an app file, which has its templates beside it.")
    path = folder / FOLDER / f"{name}.html"
    if path.is_file():
        return path
    places = (folder / "public" / FOLDER, folder / FOLDER)
    found = [place / f"{name}.jsx" for place in places if (place / f"{name}.jsx").is_file()]
    if found:
        raise MisuseError(
            f"CustomElement {name}: {found[0].relative_to(folder)} is JSX, which is not run here. "
            f"Write {FOLDER}/{name}.html beside the app file, a Jinja template that is given props."
        )
    raise MisuseError(
        f"CustomElement {name}: there is no {FOLDER}/{name}.html beside the app file."
    )


def check_template(path: Path) -> None:
    """Refuse what a page would leave out, with the line where it stands.

    Raises
    ------
    CustomTemplateError
        The template has such a thing.
    """
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        found = _LINE.search(line)
        if found is not None and found.lastindex is not None:
            what = list(_REFUSED.values())[found.lastindex - 1]
            raise CustomTemplateError(f"{FOLDER}/{path.name}:{number} has {what}.")


def render_custom(path: Path, props: Mapping[str, Any], actions: TemplateActions) -> str:
    """Return the HTML of an element, as its template makes it.

    Parameters
    ----------
    actions:
        Takes down the actions that the template names.

    Raises
    ------
    CustomTemplateError
        The template is wrong, it fails with these props, or it makes too much.
    """
    try:
        template = _environment(path.parent).get_template(path.name)
        html = template.render(props=props, action=actions.name_action)
    except TemplateSyntaxError as error:
        place = f"{FOLDER}/{error.name or path.name}:{error.lineno}"
        raise CustomTemplateError(f"{place}: {error.message}") from error
    except TemplateNotFound as error:
        raise CustomTemplateError(f"{FOLDER}/{path.name}: there is no {error.name}.") from error
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError,
            RecursionError) as error:  # fmt: skip
        place = _find_line(path, error)
        raise CustomTemplateError(f"{place}: {describe_error(error)}") from error
    except MisuseError as error:  # of an action
        raise CustomTemplateError(f"{_find_line(path, error)}: {error}") from error
    if len(html) > OUTPUT_LIMIT:
        raise CustomTemplateError(
            f"{FOLDER}/{path.name} makes {len(html):,} characters, and may make {OUTPUT_LIMIT:,}."
        )
    return html


@lru_cache(maxsize=8)
def _environment(folder: Path) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folder), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )


def _find_line(path: Path, error: Exception) -> str:
    lines = [
        f"{FOLDER}/{Path(frame.f_code.co_filename).name}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if Path(frame.f_code.co_filename).parent == path.parent
    ]
    return lines[-1] if lines else f"{FOLDER}/{path.name}"
