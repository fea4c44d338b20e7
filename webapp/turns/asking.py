"""Answering what a user says: store the turn first, then run the author's callback."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from webapp.accounts.login import session_of_chats, signed_in_user, viewer
from webapp.accounts.sessions.visitor_limits import (
    note_visitors_turn,
    visitors_message,
    visitors_turn,
)
from webapp.authoring.chat_message import COMPLETE, USER, ChatMessage
from webapp.authoring.errors import MisuseError
from webapp.authoring.inputs.inputs import Inputs
from webapp.authoring.inputs.message_choices import CHOSEN, choices_of, chosen_next
from webapp.authoring.messages.user_message import make_user_message
from webapp.authoring.profiles.profile import ChatProfile
from webapp.authoring.uploads.received import received_elements
from webapp.chats.past_messages import get_question, list_history
from webapp.chats.snapshots import has_new_look
from webapp.chats.store import StoredChat
from webapp.chats.titles import title_of
from webapp.database.engines import release_connection, utc_now
from webapp.engine.phases import TurnStatus
from webapp.engine.turn import RunningTurn
from webapp.engine.work import TurnSpec, Work
from webapp.files.attachments import LocalCopies, element_of
from webapp.files.collecting import discard_contents
from webapp.files.contents import FilesUnavailableError
from webapp.files.receiving import not_stored
from webapp.files.saving import store_contents
from webapp.profiles.answering import is_answered
from webapp.profiles.offer import offered_profile, offered_profiles
from webapp.site import chat_app, settings, this_app
from webapp.turns.actions.stored_actions import FoundAction
from webapp.turns.beginning import (
    TooManyTurnsError,
    TurnPlace,
    request_stop,
    store_begun_turn,
    store_resumption,
)
from webapp.turns.claiming import ChatNotEndedError
from webapp.turns.contexts import chat_values, make_context
from webapp.turns.ending import end_other_chats
from webapp.turns.failures import make_work
from webapp.turns.form_keys import OTHER_FILES, AlreadyAskedError, FormReusedError
from webapp.turns.replacing import NotLastAnswerError
from webapp.turns.requests import Question, Replacement, TurnRequest
from webapp.turns.resuming import resume_callback, resuming_work
from webapp.turns.runtime import conversation
from webapp.turns.settings.defaults import find_setting_defaults
from webapp.turns.stored_turns import last_turn
from webapp.turns.thread_budget import time_to_wait
from webapp.web.errors import RETRY_SECONDS, UNAVAILABLE
from webapp.web.housekeeping import run_housekeeping_if_due
from webapp.web.refusals import Refusal

YOU = "User"
# How long the answer to Stop waits for the end to be stored, if the turn runs here.
WAIT_FOR_STOP_SECONDS = 1.0


class ChatNotResumedError(Refusal):
    """This user has as many answers under way as one may have."""

    code = 429
    title = "Chat not resumed"
    message = "Several answers are being written for you already, so this chat was not resumed."
    advice = "Write in this chat, or reload it, when one of them is finished."
    retry_after = RETRY_SECONDS


class AppNotAnsweringError(Refusal):
    """The app does not answer messages."""

    code = 409
    title = "Not sent"
    message = "This app does not answer messages."


@dataclass(frozen=True)
class StartedTurn:
    """A turn that was begun, and the user's message or the button that began it, if it is new."""

    turn: RunningTurn
    question: ChatMessage | None
    action: FoundAction | None = None
    # Whether the user has written in the chat.
    has_question: bool = True

    @property
    def title(self) -> str | None:
        """Return what a chat is called that begins with it."""
        if self.action is not None:
            return title_of(self.action.data.text, ())
        if self.question is None:
            return None
        return title_of(self.question.content, self.question.elements)


def profile_of(chat: StoredChat) -> ChatProfile | None:
    """Return the profile of a chat, if this user is offered it now.

    Raises
    ------
    ProfileNotOfferedError
        When it was withdrawn; it is logged, and the author's code is not called.
    """
    return None if chat.profile is None else offered_profile(chat.profile)


def ask(
    chat: StoredChat,
    profile: ChatProfile | None,
    question: Question,
    replacement: Replacement | None = None,
) -> StartedTurn:
    """Store what a user wrote, and begin the turn that answers it.

    Raises
    ------
    AlreadyAskedError
        When this form was sent before: nothing is begun.
    FormReusedError
        When it was sent before with something else.
    ChatBusyError
        When another turn is running.
    TooManyTurnsError, TooManyTurnsOfVisitorsError, TooManyMessagesOfVisitorsError
        When the user is at the limit, or the address of a visitor.
    FilesNotStoredError
        When the files cannot be stored.
    AppNotAnsweringError
        When the app has no ``@on_message``.
    MessageReplacedError
        When another text has taken the place of what is to be replaced.
    NotFound
        When the chat no longer exists.
    """
    if not is_answered(profile):
        raise AppNotAnsweringError
    kept = replacement.elements if replacement is not None else ()
    details = question.choices.details if replacement is None else replacement.details
    message = ChatMessage(
        id=uuid.uuid4(),
        kind=USER,
        content=question.content,
        status=COMPLETE,
        created_at=utc_now(),
        profile=chat.profile,
        elements=(*kept, *map(element_of, question.files)),
        details=details,
    )
    request = make_request(chat, profile, question.key)
    request = replace(request, question=message, files=question.files, replacement=replacement)
    try:
        return _answer(chat, request, message)
    except AlreadyAskedError as error:
        if error.sent.content != question.content:
            raise FormReusedError from error
        if replacement is None and error.sent.files != question.sent.files:
            raise FormReusedError(OTHER_FILES) from error
        raise


def ask_again(
    chat: StoredChat,
    profile: ChatProfile | None,
    question_id: uuid.UUID,
    key: uuid.UUID,
    replacement: Replacement | None = None,
) -> StartedTurn:
    """Begin a turn that answers an old question once more, beside or in the place of its answer.

    Raises
    ------
    AlreadyAskedError, ChatBusyError, TooManyTurnsError, NotLastAnswerError, NotFound
        As for `ask`.
    """
    question = get_question(chat.id, question_id)
    request = make_request(chat, profile, key)
    request = replace(request, answers=question_id, replacement=replacement)
    return _answer(chat, request, question)


def resume(chat: StoredChat, profile: ChatProfile | None) -> StartedTurn:
    """Resume a chat that has ended, as a turn in which nothing is answered.

    Raises
    ------
    ChatNotEndedError
        When there is nothing to resume, or the app has no ``@on_chat_resume``.
    ChatNotResumedError
        When the user is at the limit.
    NotFound
        When the chat no longer exists.
    """
    if resume_callback() is None:
        raise ChatNotEndedError
    try:
        request = make_request(chat, profile, uuid.uuid4())
        release_connection()
        with visitors_turn(request.turn_id):
            return run_turn(chat, request, store_resumption(request), None)
    except TooManyTurnsError:
        raise ChatNotResumedError from None


def answer_to_replace(chat: StoredChat, turn_id: uuid.UUID) -> Replacement:
    """Return what another answer to the question of a turn replaces.

    Raises
    ------
    NotLastAnswerError
        When the turn is not the last one, has not come to its end, or answers nothing.
    """
    last = last_turn(chat)
    if last is None or last.question_id is None:
        raise NotLastAnswerError
    if last.id != turn_id or last.status != TurnStatus.COMPLETE:
        raise NotLastAnswerError
    return Replacement(last.question_id, turn_id)


def stop_turn(chat: StoredChat, turn_id: uuid.UUID | None) -> None:
    """Stop the turn named, or the one that runs in the chat. One that has ended stays so."""
    turn_id = turn_id or chat.turn_id
    if turn_id is None:
        return
    turn = conversation().keeper.find(turn_id)
    release_connection()
    if turn is None:
        request_stop(chat.id, turn_id)
    elif turn.chat.chat_id == str(chat.id):
        turn.stop()
        with time_to_wait(WAIT_FOR_STOP_SECONDS) as seconds:
            turn.wait_until_stored(seconds)


def make_request(chat: StoredChat, profile: ChatProfile | None, key: uuid.UUID) -> TurnRequest:
    """Return a turn that is about to begin in a chat, of which nothing is stored yet.

    Raises
    ------
    TooManyTurnsError
        When too many callbacks of the user were stopped, and still run.
    """
    most = settings().turns_per_user
    if conversation().keeper.lingering(chat.owner) >= most:
        # Callbacks that were stopped, and still run, cannot be ended from outside: they must not
        # pile up.
        raise TooManyTurnsError
    return TurnRequest(
        turn_id=uuid.uuid4(),
        chat_id=chat.id,
        owner=chat.owner,
        profile=profile,
        profile_name=chat.profile,
        user=signed_in_user(),
        offered=offered_profiles().by_name,
        key=key,
        most_turns=most,
        resumes=resume_callback() is not None,
        session_id=session_of_chats() if resume_callback() else None,
        new_snapshot=profile if has_new_look(profile, chat.snapshots) else None,
    )


def _answer(chat: StoredChat, request: TurnRequest, question: ChatMessage) -> StartedTurn:
    who = viewer()
    author = who.identifier if who else YOU
    message = make_user_message(
        str(chat.id),
        question.id,
        question.content,
        author,
        question.created_at,
        question.details,
    )
    copies = LocalCopies()
    release_connection()
    try:
        if question.elements:
            # Before anything is stored: the disk may be full.
            store_contents(request.files)
            request = replace(request, files=copies.take_over(request.files))
            copies.fetch(question.elements)
            message.elements = received_elements(
                question.elements, question.id, str(chat.id), copies.paths
            )
        with visitors_turn(request.turn_id):
            with visitors_message():
                place = store_begun_turn(request)
            work = make_work(
                "on_message",
                chat.id,
                conversation().limits,
                arguments=lambda: (message,),
                earlier=partial(list_history, this_app(), chat.id, place.first_sequence),
                release=copies.delete if question.elements else None,
            )
            return run_turn(chat, request, place, work)
    except BaseException as error:
        copies.delete()
        with suppress(FilesUnavailableError, *UNAVAILABLE):  # a job tries again
            discard_contents({file.stored.sha256: file.stored.size for file in request.files})
        if isinstance(error, FilesUnavailableError):
            raise not_stored(error) from error
        raise


def _keep_choices(request: TurnRequest, place: TurnPlace) -> Inputs:
    """Return what can be set in the chat, with what the user has chosen there for the question."""
    inputs, question = Inputs(place.inputs), request.question
    if place.inputs and question is not None and request.replacement is None:
        chosen = chosen_next(place.inputs, choices_of(question.details))
        with suppress(MisuseError):  # there is no room left: it is not kept then
            if chosen is not None:
                inputs.set(CHOSEN, chosen)
    return inputs


def run_turn(
    chat: StoredChat, request: TurnRequest, place: TurnPlace, work: Work | None
) -> StartedTurn:
    """Run a turn that is stored.

    If its chat had ended, or has objects that this process has not got, resume it first.
    """
    is_again = request.replacement is not None or request.answers is not None
    values = chat_values(chat.id, place.values, is_again=is_again)
    context = make_context(
        chat.id,
        user=request.user,
        chat_profile=chat.profile,
        values=values,
        inputs=_keep_choices(request, place),
        find_setting_defaults=partial(find_setting_defaults, this_app(), chat.owner),
        offered=request.offered,
        answers=request.question_id,
    )
    makes_objects = values.needs_objects and resume_callback() is not None
    if work is None or place.had_ended or makes_objects:
        had_ended = work is None or place.had_ended
        work = resuming_work(
            chat,
            values,
            place.first_new,
            then=work,
            had_ended=had_ended,
            user=request.user,
            inputs=context.inputs,
        )
    keeper = conversation().keeper
    turn = RunningTurn(
        chat_app(),
        context,
        work,
        TurnSpec(
            id=request.turn_id,
            owner=request.owner,
            profile=request.profile,
            question_id=request.question_id,
            action_id=request.action_id,
            first_sequence=place.first_sequence,
            placeholder=place.placeholder,
        ),
        keeper.note_end,
        keeper.note_question,
    )
    note_visitors_turn(turn)
    with keeper.keep_begun_here(turn, [place.placeholder]):
        try:
            turn.begin()
        except BaseException:
            turn.interrupt()  # nobody would begin it any more
            raise
    if place.had_ended:
        # Its user has left the other chats for this one, as for a chat that starts.
        end_other_chats(replace(chat, session_id=request.session_id), ())
    run_housekeeping_if_due()
    return StartedTurn(turn, place.question)
