"""Receiving the files of a form: each is examined while it goes to the disk, piece by piece."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from webapp.authoring.chat_message import NewFile, StoredFile
from webapp.database.engines import read_connection, release_connection
from webapp.files.contents import FilesUnavailableError
from webapp.files.names import clean_file_name
from webapp.files.rows import find_room
from webapp.files.saving import PreparedFile
from webapp.files.temporary import delete_temporary, new_temporary_path
from webapp.files.types import HEAD_BYTES, find_mime
from webapp.files.upload_rules import UploadRules, megabytes
from webapp.site import settings
from webapp.web.errors import RETRY_SECONDS
from webapp.web.forms import FormFieldError
from webapp.web.log import log_event
from webapp.web.refusals import Refusal
from webapp.web.request_guards import FormRequest
from webapp.web.uploads.multipart import MultipartForm, SentFile

FIELD = "files"
# What a body has besides the contents of its files: its fields, and a head for each file.
_OTHER_BYTES = 64 * 1024


class NoFilesTakenError(Refusal):
    """Files for a chat that takes none."""

    code = 415
    title = "Not sent"
    message = "This chat takes no files."
    advice = "Remove the files, then send your message."


class FileTooLargeError(Refusal):
    """A file of more bytes than the app or the site allows."""

    code = 413
    title = "Not sent"
    advice = "Choose a smaller one, or send the message without it."


class TooManyFilesError(Refusal):
    """More files than a message may have."""

    code = 413
    title = "Not sent"
    advice = "Send the others with another message."


class FileTypeNotTakenError(Refusal):
    """A file of a type that the app does not take."""

    code = 415
    title = "Not sent"
    advice = "Choose another file, or send the message without it."


class NoRoomLeftError(Refusal):
    """The user would have stored more than the site allows."""

    code = 413
    title = "Not sent"
    advice = "Delete chats with files that you no longer need, or ask the administrator for more."


class FilesNotStoredError(Refusal):
    """The disk is full, or the store does not answer."""

    code = 503
    title = "Not sent"
    message = "Files cannot be stored at the moment, so your message was not sent."
    advice = "Wait a few seconds, then send it again, or send it without files."
    retry_after = RETRY_SECONDS


@contextmanager
def received_files(
    sent: FormRequest, rules: UploadRules | None, owner: str
) -> Iterator[list[PreparedFile]]:
    """Yield the files of a form. They are on the disk until the block ends.

    Parameters
    ----------
    sent:
        A form whose fields were accepted.
    rules:
        What may be attached; ``None`` for nothing.
    owner:
        Who attaches them.

    Raises
    ------
    Refusal
        A file is not taken. The rest of the body is not read.
    """
    with ExitStack() as received:
        try:
            files = list(_receive(sent, rules, owner, received))
        except FilesUnavailableError as error:
            raise not_stored(error) from error
        finally:
            if sent.upload_slot is not None:
                sent.upload_slot.give_back()
        yield files


def not_stored(error: FilesUnavailableError) -> FilesNotStoredError:
    """Log why files cannot be stored, and return what their sender is told."""
    log_event("files.unavailable", level=40, error=str(error))
    return FilesNotStoredError()


def _receive(
    sent: FormRequest, rules: UploadRules | None, owner: str, received: ExitStack
) -> Iterator[PreparedFile]:
    room: int | None = None
    for count, head in enumerate(sent.multipart.files(), 1):
        if rules is None:
            raise NoFilesTakenError
        if head.field != FIELD:
            raise FormFieldError("This form has no field “{}”.", subject=head.field[:64])
        if count > rules.max_files:
            most = "1 file" if rules.max_files == 1 else f"{rules.max_files} files"
            raise TooManyFilesError(f"A message may have {most}, and yours has more.")
        if room is None:
            room = _find_room(sent, rules, clean_file_name(head.name), owner)
        file = _receive_file(sent.multipart, head, rules, room, received)
        room -= file.stored.size
        yield file


def _find_room(sent: FormRequest, rules: UploadRules, first_name: str, owner: str) -> int:
    """Return how many bytes this user may store. Refuse a body that is certainly too long.

    Nothing of the files is read.
    """
    with read_connection() as connection:
        room = find_room(connection, owner, settings().file_bytes_per_user)
    least = (sent.content_length or 0) - sent.most_field_bytes - _OTHER_BYTES
    if least > rules.max_bytes * rules.max_files:
        raise _too_large(rules, first_name)
    if least > room:
        raise _no_room(room, first_name)
    # Receiving may take minutes.
    release_connection()
    return room


def _receive_file(
    form: MultipartForm, sent: SentFile, rules: UploadRules, room: int, received: ExitStack
) -> PreparedFile:
    name = clean_file_name(sent.name)
    path = new_temporary_path()
    received.callback(delete_temporary, path)
    digest, size, head, mime = hashlib.sha256(), 0, b"", None
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - by its number
            for piece in form.pieces():
                size += len(piece)
                if size > rules.max_bytes:
                    raise _too_large(rules, name)
                if size > room:
                    raise _no_room(room, name)
                if mime is None:
                    head += piece[: HEAD_BYTES - len(head)]
                    if len(head) == HEAD_BYTES:  # enough to refuse it before the rest comes
                        mime = _find_accepted_mime(rules, head, name, sent)
                digest.update(piece)
                file.write(piece)
    except OSError as error:
        raise FilesUnavailableError(f"{path}: {error.strerror}") from error
    mime = mime or _find_accepted_mime(rules, head, name, sent)
    return PreparedFile(
        new=NewFile(id=uuid.uuid4(), name=name, mime=mime, source=path),
        name=name,
        stored=StoredFile(sha256=digest.hexdigest(), size=size, mime=mime),
    )


def _find_accepted_mime(rules: UploadRules, head: bytes, name: str, sent: SentFile) -> str:
    mime = find_mime(head, name, sent.mime)
    if not rules.accepts(name, mime):
        raise FileTypeNotTakenError(
            f"The file “{{}}” is of the type {mime}. This chat takes: {rules.kinds}.",
            subject=name,
        )
    return mime


def _too_large(rules: UploadRules, name: str) -> FileTooLargeError:
    most = megabytes(rules.max_bytes)
    return FileTooLargeError(
        f"The file “{{}}” is too large: each may have {most} MB.", subject=name
    )


def _no_room(room: int, name: str) -> NoRoomLeftError:
    most = megabytes(settings().file_bytes_per_user)
    return NoRoomLeftError(
        f"There is no room for the file “{{}}”: you may store {most} MB in all, of which "
        f"{megabytes(room)} MB are left.",
        subject=name,
    )
