"""A chat as text that is the same at each run, and its comparison with a file."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from webapp.authoring.chat_message import COMPLETE, DIVIDER, STEP, TASKS, USER, ChatMessage
from webapp.authoring.steps.details import read_task_list
from webapp.testing.answers import MessageReader, ShownElement, ShownMessage, ShownStep

# pytest shows no line of this module in a traceback.
__tracebackhide__ = True

# Set by the option of pytest.
UPDATE = "CHAT_PROFILES_UPDATE_TRANSCRIPTS"
OPTION = "pytest --update-transcripts"


def write_transcript(said: Sequence[ChatMessage], reader: MessageReader) -> str:
    """Return a chat as text, without ids and times."""
    steps = {step.id: step for step in reader.steps(said)}
    blocks = []
    for message in said:
        if message.kind == STEP:
            lines = _write_step(steps[str(message.id)])
        elif message.kind == TASKS:
            tasks = read_task_list(message)
            head = f"Tasks: {tasks.status}".rstrip(": ")
            lines = iter([head, *(f"  [{task.status}] {task.title}" for task in tasks.tasks)])
        elif message.kind == DIVIDER:
            lines = iter([f"--- {message.content} ---"])
        else:
            lines = _write_message(reader.message(message))
        blocks.append("\n".join(line.rstrip() for line in lines))
    return "\n\n".join(blocks) + "\n"


def assert_same_text(file: Path, text: str) -> None:
    """Compare a text with a file, or write the file if pytest was asked to.

    Raises
    ------
    AssertionError
        The file is missing, or differs.
    """
    if os.environ.get(UPDATE):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return
    if not file.exists():
        raise AssertionError(f"{file} does not exist yet. Write it with `{OPTION}`, and read it.")
    kept = file.read_text(encoding="utf-8")
    if kept != text:
        lines = difflib.unified_diff(
            kept.splitlines(), text.splitlines(), str(file), "the chat now", lineterm=""
        )
        difference = "\n".join(lines)
        raise AssertionError(
            f"The chat differs from {file}. If it is right, run `{OPTION}`.\n{difference}"
        )


def _write_message(message: ShownMessage) -> Iterator[str]:
    speaker = "User" if message.kind == USER else message.author
    if message.kind == "error":
        # Its text has the reference of a request.
        yield f"{speaker} (error)"
        return
    yield f"{speaker}{_status(message.status)}:"
    yield from _indent(message.content)
    yield from _write_elements(message.elements)
    if message.question is not None:
        yield f"  [question: {message.question.kind}, {message.question.status}]"
        yield from (f"  [button: {action.label}]" for action in message.question.actions)
    yield from (f"  [button: {action.label}]" for action in message.actions)


def _write_step(step: ShownStep) -> Iterator[str]:
    kind = "" if step.type == "undefined" else f" ({step.type})"
    yield f"Step: {' > '.join([*step.within, step.name])}{kind}{_status(step.status)}"
    if step.input:
        yield "  Input:"
        yield from _indent(step.input, "    ")
    if step.output:
        yield "  Output:"
        yield from _indent(step.output, "    ")
    yield from _write_elements(step.elements)


def _write_elements(elements: Sequence[ShownElement]) -> Iterator[str]:
    yield from (f"  [{element.type}: {element.name}]" for element in elements)


def _indent(text: str, by: str = "  ") -> Iterator[str]:
    yield from (f"{by}{line}" for line in text.splitlines())


def _status(status: str) -> str:
    return "" if status == COMPLETE else f" ({status})"
