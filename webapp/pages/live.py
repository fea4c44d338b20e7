"""The messages of a running turn on a page, and the HTML of what is new in them."""

from __future__ import annotations

import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from flask import Flask, current_app
from markupsafe import Markup

from webapp.authoring.chat_message import DIVIDER, STEP, STREAMING, USER, ChatMessage
from webapp.authoring.questions.question import open_questions, waits_for_text
from webapp.authoring.steps.details import shown_output
from webapp.engine.phases import TurnStatus
from webapp.markdown.footnotes import footnote_name
from webapp.markdown.growing import GrowingMarkdown, Growth
from webapp.pages.chat_addresses import ChatAddresses
from webapp.pages.message_actions import Actions
from webapp.pages.outline import Outline
from webapp.pages.participants import Participants

EXTENSION = "polled_turns"
# How long pages that poll are told of new inputs.
INPUTS_NEWS_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class TurnState:
    """A turn at one moment.

    Parameters
    ----------
    version:
        A number that grows with each change.
    elsewhere:
        Messages of earlier turns that this turn has changed.
    removed:
        Ids of messages that this turn has removed.
    inputs:
        What can be set in the chat, if this turn may have changed that.
    """

    messages: list[ChatMessage]
    status: str
    version: int
    elsewhere: list[ChatMessage] = field(default_factory=list)
    removed: list[uuid.UUID] = field(default_factory=list)
    inputs: Mapping[str, Any] | None = None

    @property
    def is_running(self) -> bool:
        """Whether there is more to come."""
        return self.status == TurnStatus.RUNNING

    @property
    def goes_on(self) -> bool:
        """Whether there is more to come by itself."""
        return self.is_running and not self.waits_for

    @property
    def waits_for(self) -> str:
        """The ids of the questions that the turn waits for; "" if it waits for none."""
        return open_questions(self.messages) if self.is_running else ""

    @property
    def waits_for_text(self) -> bool:
        """Whether the next text of the user answers one of these questions."""
        return waits_for_text(self.messages)


@dataclass
class _RenderedMessage:
    """A message on the page. If it grows, also its finished blocks and its changing tail."""

    message: ChatMessage
    markdown: GrowingMarkdown | None = None
    finished: list[Markup] = field(default_factory=list)
    tail: Markup | None = None
    # The names of its elements that are links in its text.
    linked: frozenset[str] = frozenset()

    def update(self, message: ChatMessage) -> Growth | None:
        """Become ``message``, and return how it has grown, if it was growing."""
        text, grows = shown_output(message), _grows(message)
        if grows and self.message.status != STREAMING:  # the author goes on with an ended message
            self.markdown = GrowingMarkdown(footnote_name(message.id))
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


def _grows(message: ChatMessage) -> bool:
    # What is shown as typed comes whole.
    return message.status == STREAMING and message.kind != USER


class LiveTurn:
    """The messages of a turn on one page, or on all pages that poll it."""

    def __init__(
        self,
        app: Flask,
        turn_id: uuid.UUID,
        participants: Participants,
        addresses: ChatAddresses,
        actions: Actions | None = None,
    ) -> None:
        self._templates = app.jinja_env
        self._grown = app.jinja_env.get_template("chats/_grown.html")
        # Those of the one viewer of a stream. Pages that poll share what is rendered, without them.
        self._actions = actions
        self._turn_id = turn_id
        self._participants = participants
        self._addresses = addresses
        self._lock = threading.Lock()
        self._on_page: dict[uuid.UUID, _RenderedMessage] = {}
        # Messages of earlier turns, and messages that are no longer on the page.
        self._elsewhere: set[uuid.UUID] = set()
        self._removed: set[uuid.UUID] = set()
        self._outline = Outline()
        # Those that were sent last.
        self._inputs: Mapping[str, Any] | None = None
        self._inputs_until = 0.0

    def message_values(self, messages: Iterable[ChatMessage]) -> list[dict[str, object]]:
        """Return what `_message.html` takes for each message, for a page that has none of them.

        Those of a step have the values of the steps within it as ``children``.
        """
        values: list[dict[str, object]] = []
        children: dict[str | None, list[dict[str, object]]] = {None: values}
        with self._lock:
            for message in messages:
                on_page = self._on_page.get(message.id)
                if on_page is None:
                    on_page = self._add(message)
                elif on_page.message != message:
                    on_page.update(message)
                shown = self._values(message, on_page)
                children[self._outline.add(message)].append(shown)
                if message.kind == STEP:
                    shown["children"] = children[str(message.id)] = []
        return values

    def render_changes(self, state: TurnState) -> str:
        """Return the HTML that brings the page up to ``state``, or "" if nothing has changed."""
        own = {message.id for message in state.messages}
        dropped = [i for i in self._on_page if i not in own and i not in self._elsewhere]
        parts = []
        for message_id in [*dropped, *state.removed]:
            on_page = self._on_page.pop(message_id, None)
            for child in self._outline.remove(message_id):
                self._on_page.pop(uuid.UUID(child), None)  # it comes again, in another place
            if on_page is not None or message_id not in self._removed:
                self._removed.add(message_id)
                parts.append(self._render("_removed", id=message_id))
            if on_page is not None:
                parts.append(self._render_switch(on_page.message))

        parts += self._render_own(state.messages)
        for message in state.elsewhere:
            on_page = self._on_page.get(message.id)
            if on_page is None or on_page.message != message:
                self._elsewhere.add(message.id)
                on_page = self._on_page[message.id] = _RenderedMessage(message)
                parts.append(self._render("_changed", **self._values(message, on_page)))
        parts.append(self.render_inputs(state))
        return "".join(parts)

    def render_outside(self, state: TurnState, actions: Actions | None) -> str:
        """Return the HTML of changes outside the turn, for a page that has none of them."""
        parts = [self._render("_removed", id=message_id) for message_id in state.removed]
        for message in state.elsewhere:
            values = self._values(message, _RenderedMessage(message)) | {"actions": actions}
            parts.append(self._render("_changed", **values))
        if state.inputs is not None:
            now = time.monotonic()
            if state.inputs != self._inputs:
                self._inputs, self._inputs_until = state.inputs, now + INPUTS_NEWS_SECONDS
            # Not at each poll: what the user picks there meanwhile would go.
            if now < self._inputs_until or not state.is_running:
                parts.append(self._render_inputs(state.inputs))
        return "".join(parts)

    def render_inputs(self, state: TurnState) -> str:
        """Return the HTML of the inputs beside the composer, or "" if they have not changed."""
        if state.inputs is None or state.inputs == self._inputs:
            return ""
        self._inputs = state.inputs
        return self._render_inputs(state.inputs)

    def _render_inputs(self, inputs: Mapping[str, Any]) -> str:
        return self._render(
            "_new_inputs",
            inputs=inputs,
            addresses=self._addresses,
            participants=self._participants,
        )

    def _render_own(self, messages: list[ChatMessage]) -> list[str]:
        # A page finds all places before it puts anything there. So what is within a step that is
        # new on the page comes together with that step.
        changes: list[Callable[[], str]] = []
        within_new: dict[str | None, list[dict[str, object]]] = {}
        previous = None
        for message in messages:
            inside = self._outline.add(message)
            on_page = self._on_page.get(message.id)
            is_new = on_page is None or on_page.message.kind != message.kind
            if on_page is None and inside in within_new:
                values = self._values(message, self._add(message))
                within_new[inside].append(values)
            else:
                change, values = self._change(message, previous, inside)
                changes.append(change)
            if is_new and message.kind == STEP:
                values["children"] = within_new[str(message.id)] = []
            previous = previous if inside else message
        return [change() for change in changes]

    def _change(
        self, message: ChatMessage, previous: ChatMessage | None, inside: str | None
    ) -> tuple[Callable[[], str], dict[str, object]]:
        """Return what renders the change of a message, and the values it will take."""
        on_page = self._on_page.get(message.id)
        if on_page is not None and on_page.message == message:
            return str, {}
        name, place = "_changed", ""
        if on_page is None:
            on_page = self._add(message)
            name, place = "_added", f"steps-{inside}" if inside else f"turn-{self._turn_id}"
        else:
            only_text = replace(on_page.message, content=message.content) == message
            growth = on_page.update(message)
            is_growth = only_text and growth is not None and not growth.restart
            if is_growth and message.elements:
                growth = self._link_names(message, on_page, growth)
            if is_growth and growth is not None:
                return partial(self._render_growth, message, growth), {}
        values = self._values(message, on_page) | {"previous": previous, "place": place}

        def render() -> str:
            author = self._participants.author_of(message).name
            return self._render(name, **values) + self._render_switch(message, author)

        return render, values

    def _render_growth(self, message: ChatMessage, growth: Growth) -> str:
        # Rendered several times a second for each reader, and it needs no global name. So its
        # context is not filled with those of the app, which takes a third of the time.
        values = {"id": message.id, "growth": growth}
        context = self._grown.new_context(values, shared=True)
        return "".join(self._grown.root_render_func(context))

    def _link_names(
        self, message: ChatMessage, on_page: _RenderedMessage, growth: Growth | None
    ) -> Growth | None:
        """Return a growth with links to elements, or ``None`` if their cards change, too."""
        links = self._participants.links_of(message)
        if growth is not None:
            growth = replace(
                growth, finished=links.link(growth.finished), tail=links.link(growth.tail)
            )
        is_new = not links.found <= on_page.linked
        on_page.linked |= links.found
        return None if is_new else growth

    def _render_switch(self, message: ChatMessage, now: str = "") -> str:
        """Let the selector and screen readers follow a divider, where another profile begins."""
        if message.kind != DIVIDER:
            return ""
        return self._render("_switched", selector=self._addresses.selector, now=now)

    def _add(self, message: ChatMessage) -> _RenderedMessage:
        on_page = self._on_page[message.id] = _RenderedMessage(message)
        if _grows(message):
            on_page.markdown = GrowingMarkdown(footnote_name(message.id))
            on_page.update(message)
        return on_page

    def _values(self, message: ChatMessage, on_page: _RenderedMessage) -> dict[str, object]:
        return {
            "message": message,
            "participants": self._participants,
            "parts": list(on_page.finished) if on_page.markdown else None,
            "tail": on_page.tail,
        }

    def _render(self, name: str, **values: object) -> str:
        template = self._templates.get_template(f"chats/{name}.html")
        return template.render({"actions": self._actions, **values})


class LiveTurns:
    """The turns that pages poll. What is rendered of them is kept between two requests."""

    def __init__(self, most: int = 200) -> None:
        self._lock = threading.Lock()
        self._most = most
        self._turns: OrderedDict[uuid.UUID, LiveTurn] = OrderedDict()

    def get_or_add(self, turn_id: uuid.UUID, make: Callable[[], LiveTurn]) -> LiveTurn:
        """Return a turn, made if it is not there. The turn that nobody asked for longest goes."""
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
    """Let ``app`` keep what it has rendered of polled turns."""
    app.extensions[EXTENSION] = LiveTurns()


def polled_turns() -> LiveTurns:
    """Return the polled turns of this process."""
    found: LiveTurns = current_app.extensions[EXTENSION]
    return found
