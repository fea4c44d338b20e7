"""What a page has of a turn already, and the HTML of what is new for it."""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from flask import Flask, current_app
from markupsafe import Markup

from webapp.authoring.chat_message import DIVIDER, STREAMING, ChatMessage
from webapp.markdown.growing import GrowingMarkdown, Growth
from webapp.pages.message_actions import Actions
from webapp.pages.participants import Faces

EXTENSION = "polled_turns"


class Changes(Protocol):
    """A turn as it stands now."""

    @property
    def messages(self) -> list[ChatMessage]: ...
    @property
    def elsewhere(self) -> list[ChatMessage]: ...
    @property
    def gone(self) -> list[uuid.UUID]: ...


@dataclass
class _OnPage:
    """A message that the page has, and if it grows, what is rendered of it."""

    message: ChatMessage
    markdown: GrowingMarkdown | None = None
    finished: list[Markup] = field(default_factory=list)
    tail: Markup | None = None

    def has_only_grown(self, message: ChatMessage) -> bool:
        """Return whether nothing but the text differs."""
        return replace(self.message, content=message.content) == message

    def take(self, message: ChatMessage) -> Growth | None:
        """Become ``message``; return how it has grown, if it was growing."""
        text, grows = message.content, message.status == STREAMING
        if grows and self.message.status != STREAMING:  # it had ended, and goes on all the same
            self.markdown = GrowingMarkdown()
            self.finished.clear()
        self.message = message
        if self.markdown is None:
            return None
        growth = self.markdown.grow(text) if grows else self.markdown.finish(text)
        if growth.restart:
            self.finished.clear()
        self.finished.append(growth.finished)
        self.tail = growth.tail
        return growth


class LiveTurn:
    """The messages of a turn on one page, or as they stand for all pages that ask now and then."""

    def __init__(
        self,
        app: Flask,
        turn_id: uuid.UUID,
        faces: Faces,
        selector: str,
        actions: Actions | None = None,
    ) -> None:
        self._templates = app.jinja_env
        # Of the one viewer of a stream; pages that share what is rendered bring their own.
        self._actions = actions
        self._turn_id = turn_id
        self._faces = faces
        # Where the page gets its selector anew when the turn goes on under another profile.
        self._selector = selector
        self._lock = threading.Lock()
        self._on_page: dict[uuid.UUID, _OnPage] = {}
        # Messages of earlier turns, and those that were taken off the page.
        self._elsewhere: set[uuid.UUID] = set()
        self._gone: set[uuid.UUID] = set()

    def whole(self, messages: Iterable[ChatMessage]) -> list[dict[str, object]]:
        """Return what `_message.html` takes for each message, for a page that has none of them."""
        with self._lock:
            return [self._as_it_stands(message) for message in messages]

    def changes(self, seen: Changes) -> str:
        """Return the HTML that brings the page from what it has to ``seen``; "" for nothing."""
        own = {message.id for message in seen.messages}
        gone = [i for i in self._on_page if i not in own and i not in self._elsewhere]
        parts = [self._removed(message_id) for message_id in [*gone, *seen.gone]]
        parts += [self._change(message) for message in seen.messages]
        parts += [self._change_elsewhere(message) for message in seen.elsewhere]
        return "".join(parts)

    def outside(self, seen: Changes, actions: Actions | None) -> str:
        """Return the HTML for what changed outside the turn, for a page that has none of that."""
        parts = [self._render("_removed", id=message_id) for message_id in seen.gone]
        for message in seen.elsewhere:
            values = self._values(message, _OnPage(message)) | {"actions": actions}
            parts.append(self._render("_changed", **values))
        return "".join(parts)

    def _removed(self, message_id: uuid.UUID) -> str:
        on_page = self._on_page.pop(message_id, None)
        if on_page is None and message_id in self._gone:
            return ""
        self._gone.add(message_id)
        removed = self._render("_removed", id=message_id)
        return removed + self._follows(on_page.message) if on_page else removed

    def _change_elsewhere(self, message: ChatMessage) -> str:
        on_page = self._on_page.get(message.id)
        if on_page is not None and on_page.message == message:
            return ""
        self._elsewhere.add(message.id)
        self._on_page[message.id] = _OnPage(message)
        return self._render("_changed", **self._values(message, self._on_page[message.id]))

    def _change(self, message: ChatMessage) -> str:
        on_page = self._on_page.get(message.id)
        if on_page is None:
            added = self._render("_added", turn_id=self._turn_id, **self._new(message))
            return added + self._follows(message, self._faces.of(message).name)
        if on_page.message == message:
            return ""
        has_only_grown = on_page.has_only_grown(message)
        growth = on_page.take(message)
        if has_only_grown and growth is not None and not growth.restart:
            return self._render("_grown", id=message.id, growth=growth)
        changed = self._render("_changed", **self._values(message, on_page))
        return changed + self._follows(message, self._faces.of(message).name)

    def _follows(self, message: ChatMessage, now: str = "") -> str:
        """Let the selector follow where another profile begins, and let that be heard."""
        if message.kind != DIVIDER:
            return ""
        return self._render("_switched", selector=self._selector, now=now)

    def _as_it_stands(self, message: ChatMessage) -> dict[str, object]:
        on_page = self._on_page.get(message.id)
        if on_page is None:
            return self._new(message)
        if on_page.message != message:
            on_page.take(message)
        return self._values(message, on_page)

    def _new(self, message: ChatMessage) -> dict[str, object]:
        on_page = _OnPage(message)
        self._on_page[message.id] = on_page
        if message.status == STREAMING:
            on_page.markdown = GrowingMarkdown()
            on_page.take(message)
        return self._values(message, on_page)

    def _values(self, message: ChatMessage, on_page: _OnPage) -> dict[str, object]:
        parts = list(on_page.finished) if on_page.markdown else None
        return {"message": message, "faces": self._faces, "parts": parts, "tail": on_page.tail}

    def _render(self, name: str, **values: object) -> str:
        template = self._templates.get_template(f"chats/{name}.html")
        return template.render({"actions": self._actions, **values})


class LiveTurns:
    """The turns that pages ask for every second: what was rendered of them is kept in between."""

    def __init__(self, most: int = 200) -> None:
        self._lock = threading.Lock()
        self._most = most
        self._turns: OrderedDict[uuid.UUID, LiveTurn] = OrderedDict()

    def of(self, turn_id: uuid.UUID, make: Callable[[], LiveTurn]) -> LiveTurn:
        """Return the turn, made if it is not there; those that nobody asks for go."""
        with self._lock:
            found = self._turns.setdefault(turn_id, make())
            self._turns.move_to_end(turn_id)
            if len(self._turns) > self._most:
                self._turns.popitem(last=False)
            return found

    def drop(self, turn_id: uuid.UUID) -> None:
        """Forget a turn that has ended."""
        with self._lock:
            self._turns.pop(turn_id, None)


def set_up_live_turns(app: Flask) -> None:
    """Let ``app`` keep what it has rendered of turns that pages ask for."""
    app.extensions[EXTENSION] = LiveTurns()


def polled_turns() -> LiveTurns:
    """Return what was rendered of the turns of this process that pages ask for."""
    found: LiveTurns = current_app.extensions[EXTENSION]
    return found
