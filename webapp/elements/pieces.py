"""Answers that are made while they are sent: a table as CSV, a chart with all its points."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import chain

from flask import Response, request
from werkzeug.exceptions import NotFound

from webapp.accounts.login import owner
from webapp.files.contents import FilesUnavailableError
from webapp.turns.runtime import conversation
from webapp.web.downloads.answer import DOWNLOADS_OF_ONE, SMALL_BYTES, TooManyDownloadsError
from webapp.web.errors import RETRY_SECONDS
from webapp.web.log import log_event
from webapp.web.refusals import Refusal
from webapp.web.server import give_up_silent_readers, host_of, max_held_threads, wait_again


class FileUnavailableError(Refusal):
    """The store of the files does not answer."""

    code = 503
    title = "File not available"
    message = "The file cannot be read at the moment."
    advice = "Nothing is lost. Try again in a minute."
    retry_after = RETRY_SECONDS


@contextmanager
def reading_file(file_id: uuid.UUID) -> Iterator[None]:
    """Turn what goes wrong while a file is read into an answer, and log it.

    Raises
    ------
    FileUnavailableError
        The store does not answer.
    NotFound
        The file is not in the store.
    """
    try:
        yield
    except FilesUnavailableError as error:
        log_event("file.unavailable", level=logging.WARNING, file=file_id, error=str(error))
        raise FileUnavailableError from error
    except FileNotFoundError as error:
        log_event("file.lost", level=logging.ERROR, file=file_id)
        raise NotFound from error


def answer_in_pieces(pieces: Generator[bytes], media_type: str) -> Response:
    """Return an answer that is made while it is sent. What goes wrong at first is raised here.

    Raises
    ------
    TooManyDownloadsError
        No thread is free for a slow reader, or this user has too many downloads already.
    """
    begin = b""
    for piece in pieces:
        begin += piece
        if len(begin) > SMALL_BYTES:
            break
    else:
        return Response(begin, mimetype=media_type)

    most = max_held_threads(host_of(request.environ))
    slot = conversation().slots.take(most, f"download {owner()}", DOWNLOADS_OF_ONE)
    if slot is None:
        pieces.close()
        raise TooManyDownloadsError
    response = Response(chain([begin], pieces), mimetype=media_type)
    connection = give_up_silent_readers(request.environ)
    response.call_on_close(slot.give_back)
    response.call_on_close(lambda: wait_again(connection))
    response.call_on_close(pieces.close)
    return response
