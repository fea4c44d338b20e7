"""The conditions that each request must meet before a view sees it."""

from __future__ import annotations

import codecs
import secrets
from typing import cast
from urllib.parse import unquote_to_bytes, urlsplit

from flask import Flask, Request, Response, after_this_request, g, request, session
from flask_login import UserMixin, current_user
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import (
    HTTPException,
    LengthRequired,
    RequestEntityTooLarge,
    UnsupportedMediaType,
)
from werkzeug.sansio.http import parse_cookie
from werkzeug.utils import cached_property
from werkzeug.wsgi import LimitedStream

from webapp.site import API_PREFIX, chat_app, hooks, settings, this_app
from webapp.web.csrf import (
    CSRF_FIELD,
    CSRFError,
    ForeignFormError,
    OriginMismatchError,
    check_form_token,
    csrf_token,
)
from webapp.web.late_schema import wait_for_schema
from webapp.web.log import enable_log
from webapp.web.refusals import Refusal
from webapp.web.sse import Slot
from webapp.web.uploads.multipart import MULTIPART_TYPE, MalformedUploadError, MultipartForm
from webapp.web.uploads.slots import take_upload_slot

FORM_TYPE = "application/x-www-form-urlencoded"
JSON_TYPE = "application/json"
# What anybody may send, and the most of a refused text that comes back to its sender.
MAX_BODY_BYTES = 256 * 1024
# The endpoints that accept more, from senders who are known. An export is pasted into a form.
LARGER_BODIES = {"transfer.import_chats": 4 * 1024 * 1024}
# The endpoints that take a message, whose length is a setting.
MESSAGE_FORMS = frozenset({"turns.say", "turns.edit", "questions.answer"})
# The endpoint that takes files with a message, where the app says so.
UPLOAD_FORMS = frozenset({"turns.say"})
# The endpoint that takes files where a question of the app asks for them. The view knows that.
ANSWER_FORMS = frozenset({"questions.answer"})
# The endpoints of the API for programs. They take JSON and a token, and read no cookie, so that no
# form of another site can use the session of a browser there.
JSON_ENDPOINTS = frozenset({"api.complete_chat", "api.run_agent"})
MAX_JSON_BYTES = 4 * 1024 * 1024
# The endpoint that takes an export with the files of its chats.
IMPORT_FORMS = frozenset({"transfer.import_chats"})
# What a byte of a message may become in a form: most often one or three, and a line end six.
ENCODED_BYTES = 4
MAX_FIELDS = 50
# The endpoint whose form an app makes: twice `MOST_FIELDS` of its settings, as a period is two.
MORE_FIELDS = {"settings.save": 810}
# Longer ones are malformed.
MAX_TOKEN_BYTES = 200
PIECE_BYTES = 64 * 1024
UNSAFE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_UTF8 = codecs.getincrementaldecoder("utf-8")


class TooManyFieldsError(Refusal):
    """A form with more fields than any form of this site has."""

    code = 400
    title = "Form not accepted"
    message = f"A form may have at most {MAX_FIELDS} fields."
    advice = "Go back and use the form on the page."

    def __init__(self, most: int = MAX_FIELDS) -> None:
        super().__init__(f"A form may have at most {most} fields.")


class FormRequest(Request):
    """A request whose body is a form, or nothing.

    What it reads, Werkzeug would read too, but through a choice of parsers and by rewriting the
    names of all headers.

    Attributes
    ----------
    sender_is_known:
        Whether the form has the token of its sender's session.
    most_field_bytes:
        How many bytes the fields of a form with files may have. A signed-in user may send more.
    upload_slot:
        Held while a large form with files is read.
    """

    sender_is_known = False
    most_field_bytes = MAX_BODY_BYTES
    upload_slot: Slot | None = None

    @property
    def is_large(self) -> bool:
        """Return whether the form has more bytes than a stranger may send."""
        return (self.content_length or 0) > MAX_BODY_BYTES

    @cached_property
    def has_parts(self) -> bool:
        """Return whether the body is a form that may have files."""
        return self.mimetype == MULTIPART_TYPE

    @cached_property
    def multipart(self) -> MultipartForm:
        """Return the form with files, of which the fields are read. Use it if `has_parts`.

        Raises
        ------
        MalformedUploadError
            It is none, or has more fields than `MAX_FIELDS`.
        RequestEntityTooLarge
            Its fields have more bytes than they may have.
        """
        return MultipartForm(
            LimitedStream(self.environ["wsgi.input"], self.content_length or 0),
            self.mimetype_params.get("boundary", ""),
            most_fields=MAX_FIELDS,
            most_field_bytes=self.most_field_bytes,
        )

    @cached_property
    def raw_fields(self) -> list[tuple[bytes, bytes]]:
        """Return the names and values as they were sent, without looking into them.

        Raises
        ------
        TooManyFieldsError
            There are more fields than the form may have. The rest of the body was not looked at.
        """
        if self.has_parts:
            return self.multipart.fields
        if self.mimetype != FORM_TYPE:
            return []
        most = MORE_FIELDS.get(self.endpoint or "", MAX_FIELDS)
        fields = self.get_data(cache=False).split(b"&", most)
        if len(fields) > most:
            raise TooManyFieldsError(most)
        halves = (field.partition(b"=") for field in fields if field)
        return [(name, value) for name, _, value in halves]

    @cached_property
    def form(self) -> ImmutableMultiDict[str, str]:
        """Return the fields, as UTF-8. Invalid bytes become U+FFFD.

        A large form has no fields until its sender is known. Of a form with files, a stranger's
        fields are read, but nothing behind them.
        """
        if self.has_parts:
            try:
                raw_fields = self.raw_fields
            except HTTPException:
                if self.sender_is_known:
                    raise
                raw_fields = []  # it is read for its text only
            return ImmutableMultiDict(
                (decode_part(name), decode_part(value)) for name, value in raw_fields
            )
        if self.is_large and not self.sender_is_known:
            return ImmutableMultiDict()
        return ImmutableMultiDict(
            (decode_field(name), decode_field(value)) for name, value in self.raw_fields
        )

    @property
    def sent_token(self) -> str:
        """Return the token of the form, whose other fields stay as they were sent."""
        raw = next((v for name, v in self.raw_fields if name == CSRF_FIELD.encode()), b"")
        raw = raw[:MAX_TOKEN_BYTES]
        return decode_part(raw) if self.has_parts else decode_field(raw)

    @cached_property
    def cookies(self) -> ImmutableMultiDict[str, str]:
        """Return the cookies."""
        return ImmutableMultiDict(parse_cookie(self.environ.get("HTTP_COOKIE")))


def decode_part(raw: bytes) -> str:
    """Return a name or a value of a form with files as text. Its line ends are CR LF."""
    return raw.decode(errors="replace")


def decode_field(raw: bytes) -> str:
    """Return a name or a value of a form as text.

    Example
    -------
    >>> decode_field(b"a+b%26")
    'a b&'
    """
    raw = raw.replace(b"+", b" ")
    if len(raw) <= PIECE_BYTES:
        return unquote_to_bytes(raw).decode(errors="replace")
    decoder = _UTF8("replace")
    pieces = []
    start = 0
    # Piece by piece, since each escape takes 50 bytes of memory while its piece is decoded.
    while start < len(raw):
        end = start + PIECE_BYTES
        if end < len(raw):
            escape = raw.rfind(b"%", end - 2, end)
            end = end if escape < 0 else escape
        pieces.append(decoder.decode(unquote_to_bytes(raw[start:end])))
        start = end
    return "".join([*pieces, decoder.decode(b"", final=True)])


def guard_requests(app: Flask) -> None:
    """Refuse requests that no form of this site sends. The cheapest check comes first."""
    app.request_class = FormRequest
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.jinja_env.globals["csrf_token"] = csrf_token

    @app.before_request
    def guard() -> None:
        # An id, which error pages and the log show.
        g.request_id = secrets.token_hex(6)
        enable_log()  # for Flask's own records, too
        wait_for_schema()
        sent = cast(FormRequest, request._get_current_object())  # type: ignore[attr-defined]
        if sent.path.startswith(API_PREFIX) and sent.endpoint is None:
            return  # a program gets its 404 or 405, whatever it sends
        if sent.endpoint in JSON_ENDPOINTS:
            refuse_other_json(sent)
        elif sent.method in UNSAFE_METHODS:
            refuse_other_bodies(sent)
            refuse_other_sites(sent)
            if sent.is_large or sent.has_parts:
                refuse_strangers()
            if sent.has_parts:
                refuse_files_if_off(sent)
            # Counted here: a form of too many fields is refused before anybody asks whose it is.
            token = sent.sent_token
            if sent.endpoint:  # what has no route gets its 404 or 405
                check_form_token(sent, token)
                sent.sender_is_known = True


def refuse_other_bodies(sent: FormRequest) -> None:
    """Refuse a body that no HTML form sends, and one that is too long, before any of it is read."""
    sent.max_content_length = _most_body_bytes(sent.endpoint)
    length = sent.content_length
    if not length and not sent.content_type:
        return
    takes_files = sent.endpoint in IMPORT_FORMS | ANSWER_FORMS or (
        sent.endpoint in UPLOAD_FORMS and chat_app().may_take_uploads
    )
    may_have_files = sent.has_parts and takes_files
    if sent.mimetype != FORM_TYPE and not may_have_files:
        raise UnsupportedMediaType
    if length is None:
        # A body in chunks is truncated at the limit without an error, and loses its last fields.
        raise LengthRequired
    # How large files may be depends on the chat or the user, not looked up for a stranger.
    if length > sent.max_content_length and not may_have_files:
        raise RequestEntityTooLarge


def refuse_other_json(sent: Request) -> None:
    """Refuse a body that is no JSON, and one that is too long, before any of it is read."""
    sent.max_content_length = MAX_JSON_BYTES
    if sent.method not in UNSAFE_METHODS:
        return
    if sent.mimetype != JSON_TYPE:
        raise UnsupportedMediaType
    if sent.content_length is None:
        raise LengthRequired
    if sent.content_length > MAX_JSON_BYTES:
        raise RequestEntityTooLarge


def _most_body_bytes(endpoint: str | None) -> int:
    """Return how many bytes a form may have, without its files."""
    if endpoint in MESSAGE_FORMS:
        return max(MAX_BODY_BYTES, ENCODED_BYTES * settings().message_bytes)
    return LARGER_BODIES.get(endpoint or "", MAX_BODY_BYTES)


def refuse_strangers() -> None:
    """Refuse a large form of somebody who has not signed in, or whose session has no token.

    Nothing of the form is read.

    Raises
    ------
    CSRFError
        As for a form with a wrong token: the user may have to sign in first.
    """
    if session.get(CSRF_FIELD) is None:
        raise CSRFError("The session has no token.")
    if chat_app().login_on and not cast(UserMixin, current_user).is_authenticated:
        raise CSRFError("Nobody has signed in.")


def refuse_files_if_off(sent: FormRequest) -> None:
    """Refuse a form with files where the app takes none from this user. Nothing of it is read.

    Raises
    ------
    UnsupportedMediaType
        The app takes no files.
    TooManyUploadsError
        Too many are arriving already.
    """
    if sent.endpoint in UPLOAD_FORMS and not hooks().takes_uploads():
        raise UnsupportedMediaType
    sent.most_field_bytes = _most_body_bytes(sent.endpoint)
    if sent.is_large:
        slot = sent.upload_slot = take_upload_slot(this_app(), sent, session[CSRF_FIELD])

        @after_this_request
        def give_back(response: Response) -> Response:
            slot.give_back()  # if the view has not: the form may be refused before
            return response

    if sent.endpoint in IMPORT_FORMS | ANSWER_FORMS:
        try:
            _ = sent.multipart
        except MalformedUploadError as error:
            raise UnsupportedMediaType from error


def refuse_other_sites(sent: Request) -> None:
    """Refuse changes that come from another site. The CSRF token is checked as well.

    Raises
    ------
    OriginMismatchError
        The form may be ours, and a proxy may have changed the host name or the port.
    ForeignFormError
        The form is not ours.
    """
    headers = sent.headers
    if headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise ForeignFormError
    origin = headers.get("Origin")
    if origin is None:
        return
    try:
        address = urlsplit(origin)
    except ValueError as error:
        raise ForeignFormError from error
    if not address.netloc:
        raise ForeignFormError
    # The scheme is not compared. Behind a proxy that ends TLS it is known only if WEBAPP_PROXY_HOPS
    # is set, and both schemes of a host have the same owner. A proxy may add the usual port.
    usual_port = {"http": ":80", "https": ":443"}.get(address.scheme, "")
    if address.netloc not in (sent.host, sent.host.removesuffix(usual_port)):
        raise OriginMismatchError
