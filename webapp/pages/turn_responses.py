"""Responses that show a turn: at once, as a stream, by polling, or with the whole page."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from flask import (
    Response,
    current_app,
    make_response,
    redirect,
    render_template,
    url_for,
)
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from webapp.accounts.login import browser_session
from webapp.authoring.chat_message import DIVIDER
from webapp.authoring.profiles.profile import ChatProfile
from webapp.chats.snapshots import profiles_to_show
from webapp.chats.store import StoredChat, my_chat
from webapp.database.engines import utc_now
from webapp.engine.phases import TurnStatus
from webapp.engine.turn import RunningTurn
from webapp.pages.chat_addresses import addresses_of
from webapp.pages.chat_page import (
    Controls,
    Notice,
    build_controls,
    render_chat,
    render_refreshed_chat,
)
from webapp.pages.live import LiveTurn, TurnState, polled_turns
from webapp.pages.message_actions import Actions, RefusedText, build_actions, with_ratings
from webapp.pages.message_pages import find_page_from, parse_sequence
from webapp.pages.participants import build_participants
from webapp.pages.watching import (
    DatabaseSource,
    MemorySource,
    Subscription,
    TurnSource,
    TurnStream,
    stream,
)
from webapp.profiles.offer import offered_profiles
from webapp.site import chat_app, settings, this_app
from webapp.turns.asking import StartedTurn
from webapp.turns.questions.answering import AskedQuestion
from webapp.turns.runtime import conversation
from webapp.turns.stored_turns import StoredTurn, get_turn, last_turn
from webapp.turns.thread_budget import HURRIED_SECONDS, time_to_wait
from webapp.web.errors import explanation
from webapp.web.htmx import swap_whole, wants_fragment
from webapp.web.server import (
    Host,
    most_streams,
    most_streams_of_one,
    way_to_watch,
)
from webapp.web.sse import Slot, Slots
from webapp.web.streaming.handover import EventResponse, host_of_streams
from webapp.web.streaming.thread import stream_thread

# How long an answer may take to come together with its question, without a stream.
QUICK_SECONDS = 0.1
# How often the pages of all turns together may poll. With more turns than this, each polls less
# often than once a second, so that there is time for other pages.
POLLS_PER_SECOND = 100
# How long a page that polls is told that the profile was switched.
SWITCH_NEWS = timedelta(seconds=5)
# Without JavaScript nothing comes later by itself, so the response waits longer.
PAGE_SECONDS = 1.0


def respond_with_news(
    chat: StoredChat, under: str | None, first: str | None, late_until: int = 0
) -> BaseResponse:
    """Show a page a chat that has changed elsewhere.

    Parameters
    ----------
    under:
        The profile that the page shows. Under another one, the whole chat looks different.
    first:
        The sequence number of the first message in `#messages`, if there are earlier ones.
    late_until:
        Until when the page asks for late messages, in seconds since 1970.
    """
    offered = chat.profile is None or offered_profiles().find(chat.profile) is not None
    page = find_page_from(chat, parse_sequence(first)) if first is not None else None
    if page is None or not offered or under != (chat.profile or ""):
        return make_response(render_refreshed_chat(chat, under or None, late_until))
    html = render_chat(chat, "chats/_news.html", page=page, late_until=late_until)
    return swap_whole(html, "#messages")


def respond_started(chat: StoredChat, started: StartedTurn) -> BaseResponse:
    """Show a message that was accepted, with as much of its answer as there is soon."""
    return _respond(chat, started, "chats/_said.html")


def respond_resumed(chat: StoredChat, started: StartedTurn) -> BaseResponse:
    """Show what the app says in a chat that was resumed."""
    return _respond(chat, started, "chats/_resumed.html")


def respond_pressed(chat: StoredChat, started: StartedTurn) -> BaseResponse:
    """Show what the app says since a button was pressed."""
    return _respond(chat, started, "chats/_pressed.html")


def respond_replaced(chat: StoredChat, started: StartedTurn) -> BaseResponse:
    """Show a chat without the messages that the new turn has replaced."""
    _wait_briefly(started.turn)
    return respond_as_it_stands(chat)


def respond_to_follower(
    chat: StoredChat,
    stored: StoredTurn,
    *,
    shown_as_lost: bool = False,
    waits_for: str = "",
) -> BaseResponse:
    """Show a page how a turn goes on. If the page shows that already, it gets no content.

    Parameters
    ----------
    shown_as_lost:
        The page says that the turn was interrupted.
    waits_for:
        The questions that the page shows as open.
    """
    browser_session().in_background = True
    if shown_as_lost and stored.status == TurnStatus.LOST:
        return make_response("", 204)
    turn = conversation().keeper.find(stored.id)
    source = MemorySource(turn) if turn else DatabaseSource(this_app(), chat.id, stored.id)
    if waits_for and source.read().waits_for == waits_for:
        return make_response("", 204)
    # Pages that poll every second need not call the author's `@set_chat_profiles` each time.
    offered = turn.chat.offered if turn else None
    if offered is None:
        offered = offered_profiles().by_name
    way = way_to_watch(settings(), host_of_streams())
    # A stream leaves `#turn` as it is, and Stop has to come back there first if it was not there.
    if shown_as_lost or waits_for:
        way = "poll"
    return _show_followed(chat, stored, source, offered, way)


def respond_answered(
    chat: StoredChat, question: AskedQuestion, *, from_composer: bool
) -> BaseResponse:
    """Show a page how a turn goes on after one of its questions was answered.

    Parameters
    ----------
    from_composer:
        As for `respond_as_it_stands`.
    """
    turn = conversation().keeper.find(question.turn_id)
    if turn is not None:
        _wait_briefly(turn)
    if not wants_fragment():
        return redirect(url_for("chats.show", chat_id=chat.id), 303)
    was_listed, chat = chat.written, my_chat(chat.id)
    stored = get_turn(chat, question.turn_id)
    source = MemorySource(turn) if turn else DatabaseSource(this_app(), chat.id, stored.id)
    # The form goes away with its question, so no stream can hang on it. The page begins another.
    response = _show_followed(chat, stored, source, offered_profiles().by_name, "page")
    response.set_data(
        response.get_data()
        + render_template(
            "chats/questions/_answered.html",
            key=uuid.uuid4() if from_composer else None,
            # The first answer in a chat puts it into the history.
            is_new=not was_listed,
        ).encode()
    )
    return response


def _show_followed(
    chat: StoredChat,
    stored: StoredTurn,
    source: TurnSource,
    offered: Mapping[str, ChatProfile],
    way: str,
) -> BaseResponse:
    response = TurnResponse(chat, offered, stored, source, way)
    return response.respond(
        lambda controls, answers: render_template(
            "chats/_followed.html",
            turn_id=stored.id,
            answers=answers,
            selector=response.new_selector(answers, controls),
            actions=response.actions,
            # The stream hangs on `#turn`, so `#turn` stays as it is.
            controls=None if controls.watch == "stream" else controls,
        )
    )


def respond_as_it_stands(chat: StoredChat, *, from_composer: bool = False) -> BaseResponse:
    """Show the chat as it is now, in response to a form that was sent before.

    Parameters
    ----------
    from_composer:
        The form was the composer. It gets a new key, for the next message.
    """
    if not wants_fragment():
        return redirect(url_for("chats.show", chat_id=chat.id), 303)
    now = my_chat(chat.id)
    # A new title also belongs into the history.
    listed = render_template("chats/_listed.html") if now.title != chat.title else ""
    key = render_template("chats/_next_key.html", key=uuid.uuid4()) if from_composer else ""
    return swap_whole(render_refreshed_chat(now, chat.profile) + listed + key, "#chat")


def respond_refused(
    chat: StoredChat,
    draft: str,
    error: HTTPException,
    message_id: uuid.UUID | None = None,
    again: str = "",
) -> BaseResponse:
    """Refuse a message, and keep its text.

    htmx leaves the field as it is, so the response is a notice. If the profile was withdrawn, the
    chat becomes read-only.

    Parameters
    ----------
    message_id:
        The message that was edited. Its field keeps the text if it can still be edited. Otherwise
        the composer gets the text.
    again:
        What the user has to do once more, as a sentence.
    """
    withdrawn = error.code == 403
    if wants_fragment() and not withdrawn:
        raise error
    notices, refused_text = [], None
    if not withdrawn:
        what = explanation(error)
        text = f"{what.title}. {what.message} {what.advice} {again}".strip()
        notices = [Notice(text, what.name, is_error=True)]
    if message_id is not None and error.code not in (403, 409):
        refused_text, draft = RefusedText(message_id, draft), ""
    template = "chats/_chat.html" if wants_fragment() else "chats/page.html"
    html = render_chat(chat, template, notices, draft, refused_text=refused_text)
    if wants_fragment():
        # The bar names the profile of a chat that can only be read, too.
        selector = addresses_of(chat.id).selector
        html += render_template("chats/_switched.html", selector=selector, now="")
    response = swap_whole(html, "#chat") if wants_fragment() else make_response(html)
    response.status_code = error.code or 400
    for name, value in error.get_headers():
        # With "HX-Trigger" the selector would also ask for itself, and the later answer would stay:
        # one that was drawn before there was a chat knows nothing of this one.
        if name == "Retry-After":
            response.headers[name] = value
    return response


def _respond(chat: StoredChat, started: StartedTurn, template: str) -> BaseResponse:
    turn = started.turn
    way = _wait_briefly(turn)
    if not wants_fragment():
        return redirect(url_for("chats.show", chat_id=chat.id), 303)
    stored = StoredTurn(turn.id, TurnStatus.RUNNING, turn.question_id, turn.action_id)
    offered = turn.chat.offered or {}
    response = TurnResponse(
        chat,
        offered,
        stored,
        MemorySource(turn),
        way,
        is_new=True,
        has_question=started.has_question,
    )
    title = None if chat.written else started.title
    return response.respond(
        lambda controls, answers: render_template(
            template,
            question=started.question,
            turn_id=turn.id,
            answers=answers,
            controls=controls,
            participants=response.participants,
            actions=response.actions,
            key=uuid.uuid4(),
            selector=response.new_selector(answers, controls, is_first=title is not None),
            chat=_as_listed(chat, title, answers) if title is not None else None,
            key_of=started.action and started.action.key_of,
            profile_of=lambda listed: offered.get(listed.profile),
            several_profiles=len(offered) > 1,
        )
    )


def _as_listed(chat: StoredChat, title: str, answers: list[dict[str, Any]]) -> StoredChat:
    """Return a chat as the history has it from its first message on."""
    messages = [answer["message"] for answer in answers]
    switches = [message.profile for message in messages if message.kind == DIVIDER]
    profile = switches[-1] if switches else chat.profile
    return replace(chat, title=chat.title or title, profile=profile)


class TurnResponse:
    """The response that shows one page a turn, as far as it has come.

    Parameters
    ----------
    is_new:
        The turn has begun with this request, so its messages have no ratings to look up.
    has_question:
        Whether the user has written in the chat. What was said before is not rated.
    """

    def __init__(
        self,
        chat: StoredChat,
        offered: Mapping[str, ChatProfile],
        turn: StoredTurn,
        source: TurnSource,
        way: str,
        *,
        is_new: bool = False,
        has_question: bool = True,
    ) -> None:
        # The turn may switch to any profile that is offered.
        names = {*chat.snapshots, *offered, chat.profile}
        profiles = profiles_to_show(names, offered, chat.snapshots)
        is_imported = chat.imported_at is not None
        self.participants = build_participants(profiles, is_imported=is_imported)
        self.addresses = addresses_of(chat.id)
        # What the app says at the start of a chat is no answer, so it is not rated.
        profile = offered.get(chat.profile or "")
        rates = turn.may_be_repeated and has_question
        self.actions = build_actions(self.addresses, turn.question_id, profile, rates=rates)
        self._source = source
        self._way = way
        self._host = host_of_streams()
        self._turn_id = turn.id
        self._chat = chat
        running = replace(turn, status=TurnStatus.RUNNING)
        self._controls = replace(
            build_controls(chat, running, self.addresses), answers=self.actions.goes_on
        )
        self._has_ratings = False
        if not is_new:
            self._read_ratings()

    def respond(self, render: Callable[[Controls, list[dict[str, Any]]], str]) -> BaseResponse:
        """Show the turn as it is. If it goes on, stream the rest or let the page poll for it."""
        state = self._source.read()
        if state.is_running and self._way == "sse" and not state.waits_for:
            most, of_one = most_streams(settings(), self._host), most_streams_of_one(settings())
            slot = _slots(self._host).take(most, self._chat.owner, of_one)
            if slot is not None:
                self._read_ratings()  # the turn may change earlier messages at any time
                live = self._live_turn(self.actions)
                streaming = replace(self._controls, watch="stream")
                first = render(streaming, live.message_values(state.messages))
                first += live.render_inputs(state)
                return self._stream(slot, live, first, state)

        if state.elsewhere:
            self._read_ratings()
        polled = polled_turns()
        live = polled.get_or_add(self._turn_id, self._live_turn)
        answers = live.message_values(state.messages)
        outside = live.render_outside(state, self.actions)
        if state.waits_for:
            waiting = self._controls.waiting_for(state.waits_for, text=state.waits_for_text)
            return make_response(render(waiting, answers) + outside)
        if state.is_running:
            every = f"{max(1, round(conversation().keeper.count / POLLS_PER_SECOND))}s"
            watch = "page" if self._way == "page" else "poll"
            polling = replace(self._controls, watch=watch, every=every)
            return make_response(render(polling, answers) + outside)

        polled.drop(self._turn_id)
        if answers:
            controls = self._controls.with_status(state.status)
        else:  # a turn that has left no messages is not the last one of its chat
            last = build_controls(self._chat, last_turn(self._chat), self.addresses)
            controls = replace(last, answers=self._controls.answers)
        return make_response(render(controls, answers) + outside)

    def new_selector(
        self, answers: list[dict[str, Any]], controls: Controls, *, is_first: bool = False
    ) -> str:
        """Return where the page gets a new selector, or "" if its own is still right."""
        if is_first and chat_app().switches_here:
            return self.addresses.selector  # from now on a choice switches the profile of this chat
        messages = [answer["message"] for answer in answers]
        switches = [message.created_at for message in messages if message.kind == DIVIDER]
        # A page that polls need not be told each time.
        has_ended = controls.status != TurnStatus.RUNNING
        is_news = has_ended or any(utc_now() - at < SWITCH_NEWS for at in switches)
        return self.addresses.selector if switches and is_news else ""

    def _read_ratings(self) -> None:
        if self.actions.rates and not self._has_ratings:
            self._has_ratings = True
            self.actions = with_ratings(self.actions, self._chat.id)

    def _live_turn(self, actions: Actions | None = None) -> LiveTurn:
        return LiveTurn(this_app(), self._turn_id, self.participants, self.addresses, actions)

    def _stream(self, slot: Slot, live: LiveTurn, first: str, state: TurnState) -> Response:
        session = browser_session()
        subscription = Subscription(
            app=this_app(),
            source=self._source,
            page=live,
            session_id=session.row.id if session.row else None,
            host=self._host,
        )
        template = current_app.jinja_env.get_template("chats/_ended.html")
        controls, actions = self._controls, self.actions

        def render_end(state: TurnState) -> str:
            if state.waits_for:
                waiting = controls.waiting_for(state.waits_for, text=state.waits_for_text)
                return template.render(controls=waiting)
            # The start of a chat may have left no messages. Then the page asks which turn is last.
            asks_now = not controls.answers_question
            # Messages that came within a step are not the last ones on the page.
            outer = [it for it in state.messages if not (it.details or {}).get("parent")]
            is_answered = controls.answers_question and state.status == TurnStatus.COMPLETE
            return template.render(
                controls=controls.with_status(state.status),
                asks_now=asks_now,
                again_below=is_answered and outer and not actions.carries_again(outer[-1]),
            )

        events = TurnStream(subscription, first, state, render_end)
        return EventResponse(events, stream(events), slot, self._host)


def _wait_briefly(turn: RunningTurn) -> str:
    """Wait as long as it is worth it to respond in one piece, and return how pages watch turns."""
    host = host_of_streams()
    way = way_to_watch(settings(), host)
    if way == "inline":
        turn.wait_until_stored(conversation().limits.total)
    elif wants_fragment():
        has_room = way != "sse" or _slots(host).in_use < most_streams(settings(), host)
        with time_to_wait(QUICK_SECONDS if has_room else HURRIED_SECONDS) as seconds:
            turn.wait_for_answer(seconds)
    else:
        with time_to_wait(PAGE_SECONDS) as seconds:
            turn.wait_until_stored(seconds)
    return way


def _slots(host: Host) -> Slots:
    """Return where streams are counted: apart, or together with whatever else holds threads."""
    return stream_thread().slots if host.hands_over else conversation().slots
