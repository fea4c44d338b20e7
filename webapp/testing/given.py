"""What a test gives to the calls of the tester. A wrong value is told with what to write."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeGuard

from webapp.testing.answers import Answer, ShownAction, ShownMessage
from webapp.testing.failures import ChatTestError

# pytest shows no line of this module in a traceback.
__tracebackhide__ = True

# A path, or a name and the bytes.
AttachedFile = str | Path | tuple[str, bytes]


def check_options(options: Mapping[str, object], known: Collection[str]) -> None:
    """Refuse a misspelt option of a call, which would have no effect."""
    for name in options:
        if name not in known:
            raise ChatTestError(f"There is no option {name!r}. The options are: {_listed(known)}.")
    until, timeout = options.get("until"), options.get("timeout")
    if not isinstance(until, str | None):
        raise ChatTestError(f"until= takes a text, not {_kind(until)}.")
    if isinstance(timeout, bool) or not isinstance(timeout, int | float | None):
        raise ChatTestError(f"timeout= takes a number of seconds, not {_kind(timeout)}.")


def check_environ(environ: Mapping[str, object]) -> None:
    """Refuse a variable that is no text."""
    for name, value in environ.items():
        if not isinstance(value, str):
            raise ChatTestError(f"environ= takes texts. Write {{{name!r}: {str(value)!r}}}.")


def check_text(call: str, text: object) -> None:
    """Refuse what is no text."""
    if not isinstance(text, str):
        raise ChatTestError(f"{call} takes a text, not {_kind(text)}.")


def check_files(files: object) -> list[AttachedFile]:
    """Return files as a list. A single one need not be in a list."""
    given = [files] if _is_file(files) or not isinstance(files, Iterable) else list(files)
    return [_check_file(file) for file in given]


def check_answer(answer: object) -> None:
    """Refuse what can be no answer to a question."""
    if not isinstance(answer, str | Path | ShownAction | Mapping | Sequence):
        raise ChatTestError(
            "answer() takes a text, a button, files, or a dict of what is filled into a form, "
            f"not {_kind(answer)}."
        )


def check_message(call: str, message: object) -> str:
    """Return the id of a message that a test has looked at."""
    if isinstance(message, Answer):
        if not message.messages:
            raise ChatTestError(f"{call} takes an answer with a message. This one has none.")
        message = message.messages[-1]
    if not isinstance(message, ShownMessage):
        raise ChatTestError(f"{call} takes one of `chat.messages`, not {_kind(message)}.")
    return message.id


def check_choice(name: str, value: object, offered: Collection[str]) -> None:
    """Refuse a value that is none of those that there are."""
    if value not in offered:
        raise ChatTestError(f"{name} is one of {_listed(offered)}, not {value!r}.")


def check_id(call: str, given: object) -> uuid.UUID:
    """Return the id of a chat."""
    try:
        return uuid.UUID(str(given))
    except ValueError:
        raise ChatTestError(
            f"{call} takes a chat of `chat.history`, or the `chat_id` of one, not {given!r}."
        ) from None


def _is_file(given: object) -> TypeGuard[AttachedFile]:
    if isinstance(given, tuple):
        return len(given) == 2 and isinstance(given[0], str) and isinstance(given[1], bytes)
    return isinstance(given, str | Path)


def _check_file(file: object) -> AttachedFile:
    if not _is_file(file):
        raise ChatTestError(
            'Files are paths, or pairs of a name and the bytes, such as ("a.txt", b"text"). '
            f"{file!r:.80} is neither."
        )
    if not isinstance(file, tuple) and not Path(file).is_file():
        raise ChatTestError(
            f"There is no file {str(file)!r}. Give a path that exists, or a name and the bytes: "
            f'("{Path(file).name}", b"text").'
        )
    return file


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__
