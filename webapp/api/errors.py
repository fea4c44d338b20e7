"""Errors as the clients of OpenAI read them: JSON with a message, a type and a code."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import HTTPException, InternalServerError, SecurityError

from webapp.authoring.errors import AuthoringError, CallbackTimeoutError
from webapp.web.errors import (
    APP_FAILED,
    APP_TOO_SLOW,
    EXPLANATIONS,
    PASSED_ON,
    RETRY_SECONDS,
    UNAVAILABLE,
    WRONG_HOST,
    Explanation,
    explanation,
    log_unavailable,
    request_id,
    show_http_error,
    show_wrong_host,
)
from webapp.web.log import log_failure
from webapp.web.refusals import Refusal

KINDS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
# What the explanations of pages say of forms.
EXPLAINED = {
    400: "The request is not as expected.",
    404: "There is no such thing here, or it belongs to someone else.",
    405: "This address does not take that method.",
    411: "The request does not give the length of its body. Send a Content-Length.",
    413: "The body is too long. Send at most 4 MB.",
    415: "Send the body as application/json.",
}


class InvalidRequestError(Refusal):
    """A request that cannot be answered as it is.

    Parameters
    ----------
    param:
        Which field of the body is wrong.
    """

    code = 400
    title = "Request not understood"
    message = "The request is not as expected."

    def __init__(self, message: str, param: str | None = None, code: str = "invalid_value") -> None:
        super().__init__(message)
        self.param = param
        self.error_code = code


class InvalidTokenError(Refusal):
    """No token, or one that is not valid: unknown, expired, revoked, or of a disabled user."""

    code = 401
    title = "Token not accepted"
    message = "The request needs a valid token: Authorization: Bearer TOKEN."
    advice = "Ask the administrator for one."

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        """Say how to authenticate (RFC 6750)."""
        return [*super().get_headers(*args, **kwargs), ("WWW-Authenticate", "Bearer")]


class BusyServerError(Refusal):
    """As many answers are awaited as the server can hold, in all or for this user."""

    code = 429
    title = "Too many answers"
    message = "Too many answers are being waited for."
    advice = "Wait until some of them are finished, then try again."
    retry_after = RETRY_SECONDS


class AnswerFailedError(Exception):
    """The app failed while it answered. The message is what its user is told."""


def error_body(
    status: int, message: str, *, code: str | None = None, param: str | None = None
) -> dict[str, Any]:
    """Return an error as OpenAI writes it."""
    kind = KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def handle_api_errors(blueprint: Blueprint) -> None:
    """Answer every error below the address of ``blueprint`` with JSON."""
    blueprint.register_error_handler(HTTPException, _answer_http_error)
    blueprint.register_error_handler(AuthoringError, _answer_app_failure)
    blueprint.register_error_handler(
        AnswerFailedError, lambda error: _answer_not_to_repeat(str(error), "app_failed")
    )
    blueprint.register_error_handler(InternalServerError, _answer_internal_error)
    for error in UNAVAILABLE:
        blueprint.register_error_handler(error, _answer_unavailable)

    def is_below() -> bool:
        return request.path.startswith(f"{blueprint.url_prefix}/")

    # A request without a route belongs to no blueprint.
    @blueprint.app_errorhandler(404)
    @blueprint.app_errorhandler(405)
    def answer_without_route(error: HTTPException) -> Response:
        return _answer_http_error(error) if is_below() else show_http_error(error)

    @blueprint.app_errorhandler(SecurityError)
    def answer_wrong_host(error: SecurityError) -> Response:
        page = show_wrong_host(error)
        return _respond(400, _in_words(WRONG_HOST)) if is_below() else page


def _answer_http_error(error: HTTPException) -> Response:
    status = error.code or 500
    what = explanation(error)
    message = EXPLAINED.get(status, _in_words(what))
    if isinstance(error, Refusal):
        message = _in_words(what)
    code, param = None, None
    if isinstance(error, InvalidRequestError):
        code, param = error.error_code, error.param
    elif status == 403:
        code, param = "model_not_found", "model"
    response = _respond(status, message, code, param)
    for name, value in error.get_headers():
        if name in (*PASSED_ON, "WWW-Authenticate") and not name.startswith("HX-"):
            response.headers[name] = value
    return response


def _answer_app_failure(error: AuthoringError) -> Response:
    log_failure("callback.failed", error)
    what = APP_TOO_SLOW if isinstance(error, CallbackTimeoutError) else APP_FAILED
    return _answer_not_to_repeat(_in_words(what), "app_failed")


def _answer_internal_error(error: InternalServerError) -> Response:
    if isinstance(error.original_exception, UNAVAILABLE):
        return _answer_unavailable(error.original_exception)
    return _answer_not_to_repeat(_in_words(EXPLANATIONS[500]), "internal_error")


def _answer_unavailable(error: Exception) -> Response:
    log_unavailable(error)
    response = _respond(503, _in_words(EXPLANATIONS[503]), "unavailable")
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _answer_not_to_repeat(message: str, code: str) -> Response:
    response = _respond(500, message.replace("the reference below", f"{request_id()}"), code)
    # OpenAI's clients would repeat the request by themselves, and each would be a chat.
    response.headers["X-Should-Retry"] = "false"
    return response


def _respond(
    status: int, message: str, code: str | None = None, param: str | None = None
) -> Response:
    response = jsonify(error_body(status, message, code=code, param=param))
    response.status_code = status
    return response


def _in_words(what: Explanation) -> str:
    return f"{what.message.replace('{}', what.name)} {what.advice}".strip()
