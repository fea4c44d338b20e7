"""How the browser is told what a turn says: at once, as a stream, bit by bit, or with the page."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from flask import (
    Flask,
    Response,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from webapp.accounts.login import browser_session
from webapp.authoring.chat_message import DIVIDER
from webapp.authoring.types import ChatProfile
from webapp.chats.snapshots import as_they_look
from webapp.chats.store import StoredChat, my_chat
from webapp.chats.titles import make_title
from webapp.database.engines import utc_now
from webapp.engine.phases import TurnStatus
from webapp.engine.turn import RunningTurn
from webapp.pages.chat_page import Controls, Notice, as_it_stands, chat_html, controls_of
from webapp.pages.live import LiveTurn, polled_turns
from webapp.pages.message_actions import Actions, Kept, actions_of
from webapp.pages.participants import faces_of
from webapp.pages.reading import number_from, said_since
from webapp.pages.watching import (
    RunningElsewhere,
    RunningHere,
    Seen,
    Source,
    Watched,
    stream,
)
from webapp.profiles.offer import offered_profiles
from webapp.site import chat_app, settings, this_app
from webapp.turns.asking import StartedTurn
from webapp.turns.runtime import conversation
from webapp.turns.stored_turns import StoredTurn, last_turn
from webapp.turns.thread_budget import HURRIED_SECONDS, time_to_wait
from webapp.web.errors import explanation
from webapp.web.htmx import swap_whole, wants_fragment
from webapp.web.server import (
    give_up_silent_readers,
    host_of,
    most_streams,
    most_streams_of_one,
    wait_again,
    way_to_watch,
)
from webapp.web.sse import HEADERS, MIMETYPE, Slot

# For so long an answer may take to be one answer with its question, without a stream.
QUICK_SECONDS = 0.1
# With so many turns under way, pages ask half as often how theirs are.
MANY_TURNS = 50
# For so long a page that asks is told that the answer goes on under another profile.
NEWS = timedelta(seconds=5)
# A page without script is not told more by itself, so it is worth waiting for.
PAGE_SECONDS = 1.0


def respond_with_news(chat: StoredChat, under: str | None, first: str | None) -> BaseResponse:
    """Answer a page whose chat has gone on elsewhere.

    Parameters
    ----------
    under:
        The profile that the page shows; under another one all of the chat looks different.
    first:
        The number of the first of the messages that the page takes for the newest.
    """
    offered = chat.profile is None or offered_profiles().find(chat.profile) is not None
    said = said_since(chat, number_from(first)) if first is not None else None
    if said is None or not offered or under != (chat.profile or ""):
        return make_response(as_it_stands(chat, under or None))
    return swap_whole(chat_html(chat, "chats/_went_on.html", said=said), "#messages")


def respond_started(chat: StoredChat, started: StartedTurn) -> BaseResponse:
    """Answer a message that was taken, with as much of what comes of it as there is soon."""
    return _answer(chat, started, "chats/_said.html")


def respond_resumed(chat: StoredChat, started: StartedTurn) -> BaseResponse:
    """Answer a page whose chat was resumed, as if it had asked something."""
    return _answer(chat, started, "chats/_resumed.html")


def respond_replaced(chat: StoredChat, started: StartedTurn) -> BaseResponse:
    """Answer a turn that took the place of another: what was said before goes from the page."""
    _wait_a_little(started.turn)
    return respond_as_it_stands(chat)


def respond_to_follower(
    chat: StoredChat, stored: StoredTurn, *, shown_as_lost: bool
) -> BaseResponse:
    """Answer a page that asks how a turn goes on; with nothing while that is not known."""
    browser_session().in_background = True
    if shown_as_lost and stored.status == TurnStatus.LOST:
        return make_response("", 204)
    turn = conversation().keeper.find(stored.id)
    source = RunningHere(turn) if turn else RunningElsewhere(_app(), chat.id, stored.id)
    # Pages that ask every second need not ask the author's code each time.
    offered = turn.chat.offered if turn else None
    if offered is None:
        offered = offered_profiles().by_name
    way = way_to_watch(settings(), host_of(request.environ))
    # A stream leaves the place under the messages as it is, and Stop must come back there first.
    told = TurnResponse(chat, offered, stored, source, "poll" if shown_as_lost else way)
    return told.answer(
        lambda controls, answers: render_template(
            "chats/_followed.html",
            turn_id=stored.id,
            answers=answers,
            selector=told.selector_after(answers, controls),
            actions=told.actions,
            # While the place under the messages is what asks, it stays as it is.
            controls=None if controls.watch == "stream" else controls,
        )
    )


def respond_as_it_stands(chat: StoredChat, *, from_composer: bool = False) -> BaseResponse:
    """Answer a form that was sent before: with the chat as it stands by now (R57).

    Parameters
    ----------
    from_composer:
        It was sent from the field for messages, which is free for the next one.
    """
    if not wants_fragment():
        return redirect(url_for("chats.show", chat_id=chat.id), 303)
    now = my_chat(chat.id)
    # The history is told of a title that has changed.
    listed = render_template("chats/_listed.html") if now.title != chat.title else ""
    key = render_template("chats/_next_key.html", key=uuid.uuid4()) if from_composer else ""
    return swap_whole(as_it_stands(now, chat.profile) + listed + key, "#chat")


def respond_refused(
    chat: StoredChat, draft: str, error: HTTPException, message_id: uuid.UUID | None = None
) -> BaseResponse:
    """Answer a message that cannot be taken now; its text is kept.

    htmx leaves the field as it is, so a notice will do. Where the profile was withdrawn, the
    chat becomes one to read.

    Parameters
    ----------
    message_id:
        The message that it was to replace: if that can still be, its field keeps the text, and
        else the composer.
    """
    withdrawn = error.code == 403
    if wants_fragment() and not withdrawn:
        raise error
    notices = [] if withdrawn else [_notice(error)]
    template = "chats/_chat.html" if wants_fragment() else "chats/page.html"
    kept = None
    if message_id is not None and error.code not in (403, 409):
        kept, draft = Kept(message_id, draft), ""
    html = chat_html(chat, template, notices, draft, kept=kept)
    response = swap_whole(html, "#chat") if wants_fragment() else make_response(html)
    response.status_code = error.code or 400
    for name, value in error.get_headers():
        if name in ("Retry-After", "HX-Trigger"):
            response.headers[name] = value
    return response


def _answer(chat: StoredChat, started: StartedTurn, template: str) -> BaseResponse:
    turn = started.turn
    way = _wait_a_little(turn)
    if not wants_fragment():
        return redirect(url_for("chats.show", chat_id=chat.id), 303)
    begun = StoredTurn(turn.id, TurnStatus.RUNNING, turn.question_id)
    told = TurnResponse(chat, turn.chat.offered or {}, begun, RunningHere(turn), way)
    first = None if chat.written else started.question
    return told.answer(
        lambda controls, answers: render_template(
            template,
            question=started.question,
            turn_id=turn.id,
            answers=answers,
            controls=controls,
            faces=told.faces,
            actions=told.actions,
            key=uuid.uuid4(),
            selector=told.selector_after(answers, controls, first=first is not None),
            # From now on it is in the history, and has a title.
            is_first=first is not None,
            title=(chat.title or make_title(first.content)) if first else None,
        )
    )


class TurnResponse:
    """A turn, and the page that is to be told of it."""

    def __init__(
        self,
        chat: StoredChat,
        offered: Mapping[str, ChatProfile],
        turn: StoredTurn,
        source: Source,
        way: str,
    ) -> None:
        # The turn may go on under any profile that is offered.
        names = {*chat.snapshots, *offered, chat.profile}
        self.faces = faces_of(as_they_look(names, offered, chat.snapshots))
        self.actions = _actions_in(chat.id, turn)
        self._selector = url_for("chats.selector", chat_id=chat.id)
        self._source = source
        self._way = way
        self._host = host_of(request.environ)
        self._turn_id = turn.id
        self._chat = chat
        self._controls = controls_of(chat, replace(turn, status=TurnStatus.RUNNING))

    def answer(self, draw: Callable[[Controls, list[dict[str, Any]]], str]) -> BaseResponse:
        """Answer as far as the turn is; if it goes on, as a stream if there is a place for one."""
        seen = self._source.seen()
        slot = self._slot() if seen.running else None
        if slot is not None:
            page = LiveTurn(_app(), self._turn_id, self.faces, self._selector, self.actions)
            first = draw(replace(self._controls, watch="stream"), page.whole(seen.messages))
            return self._stream(slot, page, first, seen)
        polled = polled_turns()
        live = polled.of(self._turn_id, self._live)
        answers, outside = live.whole(seen.messages), live.outside(seen, self.actions)
        if seen.running:
            polling = replace(self._controls, watch="poll", every=_pause())
            return make_response(draw(polling, answers) + outside)
        polled.drop(self._turn_id)
        return make_response(draw(self._at_the_end(seen.status, answers), answers) + outside)

    def _at_the_end(self, status: str, answers: list[dict[str, Any]]) -> Controls:
        if answers:
            return self._controls.ended(status)
        # A turn that has left nothing is not the last one of its chat.
        return controls_of(self._chat, last_turn(self._chat))

    def selector_after(
        self, answers: list[dict[str, Any]], controls: Controls, *, first: bool = False
    ) -> str:
        """Return where the page gets its selector anew; "" where it stays as it is."""
        if first and chat_app().switches_here:
            return self._selector  # from now on a choice goes on in the chat
        said = [answer["message"] for answer in answers]
        switches = [message.created_at for message in said if message.kind == DIVIDER]
        # A page that asks every second need not be told each time.
        has_ended = controls.status != TurnStatus.RUNNING
        is_news = has_ended or any(utc_now() - at < NEWS for at in switches)
        return self._selector if switches and is_news else ""

    def _slot(self) -> Slot | None:
        if self._way != "sse":
            return None
        most, of_one = most_streams(settings(), self._host), most_streams_of_one(settings())
        return conversation().slots.take(most, self._chat.owner, of_one)

    def _live(self) -> LiveTurn:
        return LiveTurn(_app(), self._turn_id, self.faces, self._selector)

    def _stream(self, slot: Slot, page: LiveTurn, first: str, seen: Seen) -> Response:
        session = browser_session()
        reader = session.row.id if session.row else None
        watched = Watched(_app(), self._source, page, reader, self._host)
        events = stream(watched, first, seen, self._last_words())
        response = Response(events, mimetype=MIMETYPE, headers=HEADERS)
        connection = give_up_silent_readers(request.environ)
        response.call_on_close(slot.give_back)
        response.call_on_close(lambda: wait_again(connection))
        return response

    def _last_words(self) -> Callable[[str], str]:
        template = current_app.jinja_env.get_template("chats/_ended.html")
        controls = self._controls
        # What answers nothing may have left nothing: then the page asks which turn is the last one.
        asks = not controls.retry
        return lambda status: template.render(controls=controls.ended(status), asks_now=asks)


def _wait_a_little(turn: RunningTurn) -> str:
    """Wait as long as an answer in one piece is worth it; return the way to watch the turn."""
    way = way_to_watch(settings(), host_of(request.environ))
    if way == "inline":
        turn.wait_until_stored(conversation().limits.total)
    elif wants_fragment():
        turn.wait_for_answer(QUICK_SECONDS if _is_calm(way) else HURRIED_SECONDS)
    else:
        with time_to_wait(PAGE_SECONDS) as seconds:
            turn.wait_until_stored(seconds)
    return way


def _actions_in(chat_id: uuid.UUID, turn: StoredTurn) -> Actions | None:
    # What the start of a chat says is no answer.
    return actions_of(chat_id, turn.question_id) if turn.question_id else None


def _is_calm(way: str) -> bool:
    most = most_streams(settings(), host_of(request.environ))
    return way != "sse" or conversation().slots.taken < most


def _pause() -> str:
    return "1s" if conversation().keeper.count < MANY_TURNS else "2s"


def _notice(error: HTTPException) -> Notice:
    what = explanation(error)
    text = f"{what.title}. {what.message} {what.advice}".strip()
    return Notice(text, what.name, is_error=True)


def _app() -> Flask:
    return this_app()
