"""An export as Markdown, to read.

What was said stands as indented code: every line of it begins with four spaces. No text can leave
that, in the file as in what a viewer makes of it, so nobody can forge a heading or a message. A
quote, or a fence, would not do: in a quote HTML and link definitions still work, for the whole page
and beyond, and a fence shows only to programs where it ends. And nothing of the text is changed.
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
from webapp.transfer.exported import ExportedChat, ExportedChats, ExportedMessage

UNTITLED = "Untitled chat"
INDENT = "    "
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_ENDED = {
    STOPPED: "stopped",
    FAILED: "failed",
    INTERRUPTED: "interrupted",
    STREAMING: "still being written",
}
_REPLACED = "_This was replaced: the message was edited, or asked again._\n\n"


def markdown_export(chats: ExportedChats, now: datetime) -> Iterator[str]:
    """Yield the chats as one Markdown document, a level-1 heading for each."""
    none = True
    for chat in chats:
        yield ("" if none else "\n") + _chat(chat, now)
        for message in chats.messages(chat):
            yield _message(message)
        none = False
    if none:
        yield f"# No chats\n\nThere was nothing to export on {_time(now)}.\n"


def one_line(text: str) -> str:
    """Return a name or a title as text of one line that is nothing but text in Markdown."""
    return _PUNCTUATION.sub(r"\\\1", " ".join(text.split()))


def indented(text: str) -> str:
    """Return ``text`` with every line indented, whatever ends its lines."""
    return "".join(INDENT + line for line in text.splitlines(keepends=True))


def _chat(chat: ExportedChat, now: datetime) -> str:
    lines = [f"# {one_line(chat.title or '') or UNTITLED}", ""]
    if chat.profile is not None:
        kept = chat.snapshots.get(chat.profile) or {}
        lines.append(f"- Profile: {one_line(kept.get('label') or chat.profile)}")
    lines += [f"- Started: {_time(chat.created_at)}", f"- Exported: {_time(now)}", ""]
    return "\n".join(lines)


def _message(exported: ExportedMessage) -> str:
    message = exported.message
    if message.kind == DIVIDER:
        return f"\n## From here on: {one_line(message.content)}\n"
    replaced = _REPLACED if exported.replaced else ""
    text = indented(message.content) if message.content else "_Nothing was said._"
    return f"\n## {_heading(exported)}\n\n{replaced}{text}\n"


def _heading(exported: ExportedMessage) -> str:
    message = exported.message
    # The kind comes first, in our words: an author may have any name, that of a user too.
    kind = {USER: "User", ERROR: "Error"}.get(message.kind, "Assistant")
    named = message.author and message.kind == ASSISTANT
    parts = [f"{kind} ({one_line(message.author or '')})" if named else kind]
    parts += [_time(message.created_at), _ENDED.get(message.status, "")]
    parts += ["replaced" if exported.replaced else ""]
    return " · ".join(part for part in parts if part)


def _time(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
