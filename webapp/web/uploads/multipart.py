"""A form with files: its fields first, then one file after the other, piece by piece.

The format is that of RFC 7578. Browsers send the fields of a form in the order of its page, and
ours have their file fields at the end. So the token, and whatever else decides about a form, is
known before any byte of a file is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import RawIOBase

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import NEED_DATA, Data, Event, Field, File, MultipartDecoder, State

from webapp.web.refusals import Refusal

MULTIPART_TYPE = "multipart/form-data"
PIECE_BYTES = 64 * 1024
# Of the headers of one part. Browsers send a name, a file name and a type.
MOST_HEADER_BYTES = 8 * 1024
# A site may take 100 files. Werkzeug refuses the part after the last one with the status 413.
MOST_FILES = 200
# RFC 2046, 5.1.1, but for the length. That allows 70 characters, and the test client of Flask sends
# up to 75.
_BOUNDARY = re.compile(r"[\w'()+,./:=? -]{0,99}[\w'()+,./:=?-]", re.ASCII)
_FILE_NAME = re.compile(r';[ \t]*filename="([^"]*)"', re.IGNORECASE)
# What a browser escapes in a file name (https://html.spec.whatwg.org/#multipart-form-data).
_ESCAPED = {"%22": '"', "%0A": "\n", "%0D": "\r"}


class MalformedUploadError(Refusal):
    """A body that is not what a browser sends for a form with files."""

    code = 400
    title = "Form not accepted"
    message = "The form with your files cannot be read."
    advice = "Reload the page, and try again."


class TooManyPartsError(MalformedUploadError):
    """A form with more fields than any form of this site has."""

    message = "The form has too many fields."


@dataclass(frozen=True, kw_only=True)
class SentFile:
    """The head of a file in a form, as it was sent. None of it can be trusted."""

    field: str
    name: str
    mime: str


class MultipartForm:
    """A body that is read once, from its beginning to its end.

    Parameters
    ----------
    stream:
        The body. It must raise an error if it ends early.
    most_fields, most_field_bytes:
        How many parts there may be before the first file, and how many bytes.

    Attributes
    ----------
    fields:
        The names and values of the fields.
    has_files:
        Whether files follow them.
    """

    def __init__(
        self, stream: RawIOBase, boundary: str, *, most_fields: int, most_field_bytes: int
    ) -> None:
        if not _BOUNDARY.fullmatch(boundary):
            raise MalformedUploadError
        self._stream = stream
        self._decoder = MultipartDecoder(boundary.encode(), max_parts=most_fields + MOST_FILES)
        self._most_fields, self._most_field_bytes = most_fields, most_field_bytes
        self._received = 0
        self._file: SentFile | None = None
        self._file_has_more = False
        self.has_files = False
        self.fields = list(self._read_fields())

    def files(self) -> Iterator[SentFile]:
        """Yield each file that was sent. Read its `pieces` before you ask for the next one.

        A file field in which nobody chose a file is left out.

        Raises
        ------
        MalformedUploadError
            A field follows a file, or the body cannot be read.
        """
        while self._file is not None:
            file = self._file
            if file.name:
                yield file
            for _ in self.pieces():  # what nobody has read
                pass
            self._file = None
            event = self._next_part()
            if isinstance(event, Field):
                raise MalformedUploadError
            if isinstance(event, File):
                self._begin_file(event)

    def pieces(self) -> Iterator[bytes]:
        """Yield what follows of the current file."""
        while self._file_has_more:
            event = self._next()
            if not isinstance(event, Data):
                raise MalformedUploadError
            self._file_has_more = event.more_data
            if event.data:
                yield event.data

    def _read_fields(self) -> Iterator[tuple[bytes, bytes]]:
        count = 0
        while event := self._next_part():
            if isinstance(event, File):
                self._begin_file(event)
                # A field in which nobody chose a file has a file without a name.
                self.has_files = bool(event.filename)
                return
            count += 1
            if count > self._most_fields:
                raise TooManyPartsError
            value = bytearray()
            more = True
            while more:
                data = self._next()
                if not isinstance(data, Data):
                    raise MalformedUploadError
                value += data.data
                more = data.more_data
            yield event.name.encode(), bytes(value)

    def _begin_file(self, event: File) -> None:
        name = event.filename
        # Werkzeug reads a backslash as an escape. Browsers escape nothing with it.
        plain = _FILE_NAME.search(event.headers.get("Content-Disposition", ""))
        if plain and '\\"' not in plain[0]:
            name = plain[1]
        for escaped, character in _ESCAPED.items():
            name = name.replace(escaped, character)
        mime = event.headers.get("Content-Type", "")
        self._file = SentFile(field=event.name, name=name, mime=mime)
        self._file_has_more = True

    def _next_part(self) -> Field | File | None:
        """Return the head of the next part; ``None`` at the end."""
        while self._decoder.state not in (State.EPILOGUE, State.COMPLETE):
            event = self._next()
            if isinstance(event, Field | File):
                if not isinstance(event.name, str):  # Werkzeug does not look
                    raise MalformedUploadError
                return event
        return None

    def _next(self) -> Event:
        try:
            while (event := self._decoder.next_event()) is NEED_DATA:
                if self._decoder.state in (State.PREAMBLE, State.PART):
                    # Werkzeug would keep all before a boundary, and before the end of a head.
                    if len(self._decoder.buffer) > MOST_HEADER_BYTES:
                        raise MalformedUploadError
                    size = MOST_HEADER_BYTES
                else:
                    size = PIECE_BYTES
                if not self._file and self._received > self._most_field_bytes:
                    raise RequestEntityTooLarge
                data = self._stream.read(size)
                if not data:
                    raise MalformedUploadError
                self._received += len(data)
                self._decoder.receive_data(data)
        except ValueError as error:
            raise MalformedUploadError from error
        return event
