"""An export as Markdown, to read.

Each message is indented code: each of its lines begins with four spaces. No text can end such a
block, so nobody can forge a heading or another message. A quote would not do, since HTML and link
definitions work inside it. A fence would not do, since a person cannot see where it ends. The text
itself stays unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from webapp.authoring.chat_message import (
    ASSISTANT,
    DIVIDER,
    ERROR,
    FAILED,
    INTERRUPTED,
    STEP,
    STOPPED,
    STREAMING,
    TASKS,
    USER,
)
from webapp.authoring.steps.details import read_step, read_task_list, shown_status, shown_time
from webapp.transfer.elements_as_markdown import element_markdown, indent, one_line
from webapp.transfer.export_data import ExportedChats, ExportedMessage

UNTITLED = "Untitled chat"
_ENDED = {
    STOPPED: "stopped",
    FAILED: "failed",
    INTERRUPTED: "interrupted",
    STREAMING: "still being written",
}
# How much of the names of the steps around it stands before the name of a step.
_PATH_LIMIT = 400
_REPLACED = "_This was replaced: the message was edited, or answered again._\n\n"


def markdown_export(chats: ExportedChats, now: datetime) -> Iterator[str]:
    """Yield the chats as one Markdown document, each with a level-1 heading."""
    none = True
    for chat in chats:
        lines = ["" if none else "\n"]
        lines += [f"# {one_line(chat.title or '') or UNTITLED}\n\n"]
        if chat.profile is not None:
            snapshot = chat.snapshots.get(chat.profile) or {}
            lines += [f"- Profile: {one_line(snapshot.get('label') or chat.profile)}\n"]
        lines += [f"- Started: {_time(chat.created_at)}\n", f"- Exported: {_time(now)}\n"]
        yield "".join(lines)
        steps: dict[str, str] = {}
        for message in chats.messages(chat):
            yield _write_message(message, steps)
            for element in message.elements:
                yield element_markdown(element, chats.paths)
        none = False
    if none:
        yield f"# No chats\n\nThere was nothing to export on {_time(now)}.\n"


def _write_message(exported: ExportedMessage, steps: dict[str, str]) -> str:
    message = exported.message
    if message.kind == DIVIDER:
        return f"\n## From here on: {one_line(message.content)}\n"
    if message.kind == STEP:
        return _write_step(exported, steps)
    if message.kind == TASKS:
        return _write_tasks(exported)
    # The kind comes first: an author may have any name, even that of a user.
    kind = {USER: "User", ERROR: "Error"}.get(message.kind, "Assistant")
    named = message.author and message.kind == ASSISTANT
    parts = [f"{kind} ({one_line(message.author or '')})" if named else kind]
    parts += [_time(message.created_at), _ENDED.get(message.status, "")]
    parts += ["replaced" if exported.replaced else ""]
    heading = " · ".join(part for part in parts if part)
    replaced = _REPLACED if exported.replaced else ""
    text = indent(message.content)
    if not message.content and not exported.elements:
        text = "_This message is empty._"
    return f"\n## {heading}\n\n{replaced}{text}\n"


def _write_step(exported: ExportedMessage, steps: dict[str, str]) -> str:
    """Return a step, named after the steps that it is in.

    Parameters
    ----------
    steps:
        What the steps before it were named, by their ids. It is added.
    """
    message = exported.message
    step = read_step(message)
    name = one_line(step.name) or "Step"
    around = steps.get(step.parent or "")
    steps[str(message.id)] = path = f"{around[-_PATH_LIMIT:]} > {name}" if around else name
    status = shown_status(message, step)
    parts = [f"Step: {path}", "" if step.type == "undefined" else one_line(step.type)]
    parts += [_time(message.created_at), _ENDED.get(status, "")]
    parts += ["" if step.seconds is None else shown_time(step.seconds)]
    parts += ["replaced" if exported.replaced else ""]
    text = f"\n### {' · '.join(part for part in parts if part)}\n"
    if step.input:
        text += f"\n_Input:_\n\n{indent(step.input)}\n"
    if message.content:
        text += f"\n_Output:_\n\n{indent(message.content)}\n"
    return text


def _write_tasks(exported: ExportedMessage) -> str:
    message = exported.message
    tasks = read_task_list(message)
    parts = ["Tasks", one_line(tasks.status), _time(message.created_at)]
    parts += ["replaced" if exported.replaced else ""]
    lines = [f"- {task.status.capitalize()}: {one_line(task.title)}\n" for task in tasks.tasks]
    return f"\n### {' · '.join(part for part in parts if part)}\n\n{''.join(lines)}"


def _time(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
