"""The routes of the API. Each of them needs a token, and none reads a cookie."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Blueprint, Flask, Response, g, jsonify, request
from werkzeug.exceptions import NotFound

from webapp.accounts.login import be_user, owner_of_new_chats
from webapp.api.agent_runs import AgentRunEvents
from webapp.api.answer_text import INTERRUPTED, find_failure
from webapp.api.answering import (
    BegunAnswer,
    begin_answer,
    list_profiles,
    note_wrong_token,
    set_up_api_limits,
)
from webapp.api.asked_turns import (
    CHAT_HEADER,
    AskedTurn,
    read_agent_run,
    read_body,
    read_completion,
)
from webapp.api.completions import Completion, CompletionEvents
from webapp.api.errors import (
    AnswerFailedError,
    BusyServerError,
    InvalidTokenError,
    handle_api_errors,
)
from webapp.api.streams import AnswerEvents, AnswerStream
from webapp.api.tokens import CheckedToken, check_token, note_use
from webapp.config.settings import Settings
from webapp.profiles.offer import narrow_offer, offered_profiles
from webapp.site import settings, this_app
from webapp.turns.runtime import conversation
from webapp.web.server import (
    host_of,
    max_held_threads,
    most_streams,
    most_streams_of_one,
    way_to_watch,
)
from webapp.web.sse import MIMETYPE
from webapp.web.streaming.handover import EventResponse, host_of_streams
from webapp.web.streaming.thread import stream_thread

SCHEME = "bearer"
blueprint = Blueprint("api", __name__, url_prefix="/v1")
handle_api_errors(blueprint)


def serve_api(app: Flask, settings: Settings) -> None:
    """Add the routes to ``app``."""
    set_up_api_limits(app, settings)
    app.register_blueprint(blueprint)


@blueprint.before_request
def authenticate() -> None:
    """Let the user of the token be the one of this request, with the profiles of the token."""
    be_user(None)  # whatever cookie the request has
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    token = check_token(shown.strip()) if scheme.lower() == SCHEME else None
    if token is None:
        if shown:
            note_wrong_token()
        raise InvalidTokenError
    g.api_token = token
    be_user(token.user)
    if request.method == "POST":
        note_use(token)
    g.has_no_profiles = not offered_profiles().profiles
    if token.profiles is not None:
        narrow_offer(token.profiles)


@blueprint.get("/models")
def list_models() -> Response:
    """List the profiles that the token may be used for, as models."""
    return jsonify({"object": "list", "data": [_model(name) for name in list_profiles()]})


@blueprint.get("/models/<path:name>")
def show_model(name: str) -> Response:
    """Show one of these profiles."""
    if name not in list_profiles():
        raise NotFound
    return jsonify(_model(name))


@blueprint.post("/chat/completions")
def complete_chat() -> Response:
    """Answer as OpenAI's chat completions do."""
    asked, streams = read_completion(read_body())

    def completion(begun: BegunAnswer) -> Completion:
        return Completion(turn_id=begun.turn_id, chat_id=begun.chat.id, model=asked.profile)

    if streams:
        return _stream(asked, lambda begun: CompletionEvents(completion(begun)))
    with _held_thread():
        begun = begin_answer(asked)
        state = begun.wait(conversation().limits.total)
    failure = find_failure(state) or (INTERRUPTED if state.goes_on else None)
    if failure is not None:
        raise AnswerFailedError(failure)
    response = jsonify(completion(begun).whole(state))
    response.headers[CHAT_HEADER] = str(begun.chat.id)
    return response


@blueprint.post("/ag-ui/<path:profile>")
def run_agent(profile: str) -> Response:
    """Answer as an agent that speaks AG-UI."""
    asked, run_id = read_agent_run(read_body(), profile)
    return _stream(asked, lambda _: AgentRunEvents(asked.thread_id or "", run_id))


def _stream(asked: AskedTurn, make_events: Callable[[BegunAnswer], AnswerEvents]) -> Response:
    token: CheckedToken = g.api_token
    shown = request.headers["Authorization"].partition(" ")[2].strip()
    host = host_of_streams()

    def may_go_on() -> bool:
        now = check_token(shown)
        return now is not None and now.epoch == token.epoch

    def begin() -> tuple[BegunAnswer, AnswerStream]:
        begun = begin_answer(asked)
        if way != "sse":
            begun.wait(conversation().limits.total)
        stream = AnswerStream(this_app(), begun, make_events(begun), may_go_on, host)
        stream.stops_answer = asked.key is None
        return begun, stream

    way = way_to_watch(settings(), host)
    if way == "sse":
        slots = stream_thread().slots if host.hands_over else conversation().slots
        most, of_one = most_streams(settings(), host), most_streams_of_one(settings())
        slot = slots.take(most, owner_of_new_chats(), of_one)
        if slot is None:
            raise BusyServerError
        try:
            begun, stream = begin()
        except BaseException:
            slot.give_back()
            raise
        response: Response = EventResponse(stream, stream.send(), slot, host)
    else:  # a server that cannot stream sends all of it at once
        with _held_thread():
            begun, stream = begin()
        response = Response(b"".join(stream.send()), mimetype=MIMETYPE)
    response.headers[CHAT_HEADER] = str(begun.chat.id)
    return response


@contextmanager
def _held_thread() -> Iterator[None]:
    """Count the thread of this request, which waits for an answer."""
    place = conversation().slots.take(max_held_threads(host_of(request.environ)))
    if place is None:
        raise BusyServerError
    try:
        yield
    finally:
        place.give_back()


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "chat-profiles"}
