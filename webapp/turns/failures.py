"""What becomes of a turn whose callback fails: the user is told why, and the log gets the error.

The user never sees the text of the error itself, which may hold anything.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from webapp.authoring.context import Earlier
from webapp.authoring.errors import CallbackError, CallbackTimeoutError
from webapp.engine.work import IdleError, Limits, Work
from webapp.web.errors import request_id
from webapp.web.log import log_failure, request_fields


@dataclass(frozen=True, kw_only=True)
class FailureTexts:
    """What is said of the failures of one kind of callback.

    Parameters
    ----------
    event:
        The name of the event in the log.
    silent:
        The callback said nothing for ``{seconds}``.
    slow:
        It took longer than ``{seconds}``.
    failed:
        It raised an error.
    advice:
        What the user can do, with the ``{reference}`` to the log.
    """

    event: str
    silent: str
    slow: str
    failed: str
    advice: str


FAILURE_TEXTS = {
    "on_message": FailureTexts(
        event="turn.failed",
        silent="Nothing came for {seconds:g} seconds, so the answer was stopped.",
        slow="The answer took longer than {seconds:g} seconds, so it was stopped.",
        failed="Something went wrong while this answer was written.",
        advice="Try again. If it keeps happening, give the administrator the reference "
        "{reference}.",
    ),
    "action_callback": FailureTexts(
        event="action.failed",
        silent="Nothing came for {seconds:g} seconds, so what you had asked for was stopped.",
        slow="What you had asked for took longer than {seconds:g} seconds, so it was stopped.",
        failed="Something went wrong after you pressed the button.",
        advice="Try again. If it keeps happening, give the administrator the reference "
        "{reference}.",
    ),
    "on_chat_resume": FailureTexts(
        event="chat_resume.failed",
        silent="Nothing came for {seconds:g} seconds, so resuming this chat was stopped.",
        slow="Resuming this chat took longer than {seconds:g} seconds, so it was stopped.",
        failed="Something went wrong while this chat was resumed.",
        advice="You can continue. If it keeps happening, give the administrator the reference "
        "{reference}.",
    ),
    "on_window_message": FailureTexts(
        event="window_message.failed",
        silent="Nothing came for {seconds:g} seconds, so the app was stopped.",
        slow="The app took longer than {seconds:g} seconds to take a message of the page around "
        "this chat, so it was stopped.",
        failed="Something went wrong when the app took a message of the page around this chat.",
        advice="You can continue. If it keeps happening, give the administrator the reference "
        "{reference}.",
    ),
    "on_settings_update": FailureTexts(
        event="settings_update.failed",
        silent="Nothing came for {seconds:g} seconds, so the app was stopped.",
        slow="The app took longer than {seconds:g} seconds to take the settings, so it was "
        "stopped.",
        failed="The settings are saved, but something went wrong in the app when it took them.",
        advice="Save them again. If it keeps happening, give the administrator the reference "
        "{reference}.",
    ),
    "on_settings_edit": FailureTexts(
        event="settings_edit.failed",
        silent="Nothing came for {seconds:g} seconds, so the app was stopped.",
        slow="The app took longer than {seconds:g} seconds to look at the settings, so it was "
        "stopped.",
        failed="Something went wrong in the app while you changed the settings.",
        advice="You can save them. If it keeps happening, give the administrator the reference "
        "{reference}.",
    ),
    "on_chat_start": FailureTexts(
        event="chat_start.failed",
        silent="This chat took longer than {seconds:g} seconds to start, so it was stopped.",
        slow="This chat took longer than {seconds:g} seconds to start, so it was stopped.",
        failed="Something went wrong while this chat started.",
        advice="Start a new chat to try again. (reference {reference})",
    ),
}


def make_work(
    decorator: str,
    chat_id: uuid.UUID,
    limits: Limits,
    *,
    arguments: Callable[[], tuple[object, ...]] = tuple,
    earlier: Earlier = list,
    then: Work | None = None,
    release: Callable[[], None] | None = None,
) -> Work:
    """Return the work of a callback, whose failures are explained and logged with this request."""
    # The callback of a button also has the name of the button, in brackets.
    texts, reference = FAILURE_TEXTS[decorator.partition("(")[0]], request_id()
    fields = {"chat": chat_id, **request_fields()}

    # By then, the request may have been answered.
    def log(error: BaseException) -> None:
        log_failure(texts.event, error, **fields)

    return Work(
        decorator=decorator,
        arguments=arguments,
        limits=limits,
        earlier=earlier,
        explain=partial(_explain, texts=texts, reference=reference),
        log=log,
        then=then,
        release=release,
    )


def _explain(failure: CallbackError, *, texts: FailureTexts, reference: str) -> str:
    advice = texts.advice.format(reference=reference)
    if isinstance(failure, IdleError):
        return f"{texts.silent.format(seconds=failure.seconds)} {advice}"
    if isinstance(failure, CallbackTimeoutError):
        return f"{texts.slow.format(seconds=failure.seconds)} {advice}"
    return f"{texts.failed} {advice}"
