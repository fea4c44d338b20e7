"""An export as Markdown, to read.

Each message is indented code: each of its lines begins with four spaces. No text can end such a
block, so nobody can forge a heading or another message. A quote would not do, since HTML and link
definitions work inside it. A fence would not do, since a person cannot see where it ends. The text
itself stays unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from webapp.authoring.chat_message import (
    ASSISTANT,
    DIVIDER,
    ERROR,
    FAILED,
    INTERRUPTED,
    STOPPED,
    STREAMING,
    USER,
)
from webapp.transfer.export_data import ExportedChats, ExportedMessage

UNTITLED = "Untitled chat"
INDENT = "    "
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_ENDED = {
    STOPPED: "stopped",
    FAILED: "failed",
    INTERRUPTED: "interrupted",
    STREAMING: "still being written",
}
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
        for message in chats.messages(chat):
            yield _write_message(message)
        none = False
    if none:
        yield f"# No chats\n\nThere was nothing to export on {_time(now)}.\n"


def one_line(text: str) -> str:
    """Return a name or a title as one line, escaped so that Markdown shows it as it is."""
    return _PUNCTUATION.sub(r"\\\1", " ".join(text.split()))


def indent(text: str) -> str:
    """Return ``text`` with each line indented, whatever ends its lines."""
    return "".join(INDENT + line for line in text.splitlines(keepends=True))


def _write_message(exported: ExportedMessage) -> str:
    message = exported.message
    if message.kind == DIVIDER:
        return f"\n## From here on: {one_line(message.content)}\n"
    # The kind comes first: an author may have any name, even that of a user.
    kind = {USER: "User", ERROR: "Error"}.get(message.kind, "Assistant")
    named = message.author and message.kind == ASSISTANT
    parts = [f"{kind} ({one_line(message.author or '')})" if named else kind]
    parts += [_time(message.created_at), _ENDED.get(message.status, "")]
    parts += ["replaced" if exported.replaced else ""]
    heading = " · ".join(part for part in parts if part)
    replaced = _REPLACED if exported.replaced else ""
    text = indent(message.content) if message.content else "_This message is empty._"
    return f"\n## {heading}\n\n{replaced}{text}\n"


def _time(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
