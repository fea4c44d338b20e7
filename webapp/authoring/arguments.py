"""Reading what authors give as arguments, with an error that says what to write instead."""

from __future__ import annotations

from webapp.authoring.errors import MisuseError
from webapp.authoring.text import clean_text, is_visible


def clean_texts(instance: object) -> None:
    # By the rule for text from browsers, so that a name equals itself when it comes back from a
    # form, and both databases can store it.
    for name, value in vars(instance).items():
        if isinstance(value, str):
            object.__setattr__(instance, name, clean_text(value))


def require_text(owner: str, name: str, value: object) -> None:
    if not isinstance(value, str):
        raise wrong_type(owner, name, "text")
    if not is_visible(value):
        raise MisuseError(f"{owner} has an empty {name}; give it some text that can be seen.")


def require_optional_text(owner: str, name: str, value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise wrong_type(owner, name, "text or None")


def wrong_type(owner: str, name: str, wanted: str) -> MisuseError:
    return MisuseError(f"{owner} {name} must be {wanted}.")
