"""The token in each form, which only this site's own pages can know.

A session keeps one secret. Each answer shows it under a new mask: random bytes, and the secret XOR
these bytes. So no two answers have a text in common that the length of a compressed answer could
give away (https://breachattack.com), and each of them is valid as long as its session.
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from urllib.parse import urlsplit

from flask import Request, current_app, g, session
from werkzeug.exceptions import BadRequest

CSRF_FIELD = "csrf_token"
# For a client that cannot add a field to its form.
CSRF_HEADERS = ("X-CSRFToken", "X-CSRF-Token")
MASK_BYTES = 16
_TOKEN = re.compile(r"[\w-]{43}", re.ASCII)  # 32 bytes in Base64, without the "=" at the end


class CSRFError(BadRequest):
    """A form that was not sent from a page of this session, as far as anybody can tell."""


class ForeignFormError(CSRFError):
    """A form that another site sent, according to the browser."""

    description = "The form came from another site."


class OriginMismatchError(ForeignFormError):
    """A form whose ``Origin`` is not the address that the server was asked for.

    Another site has sent it, or a proxy has changed the ``Host`` header. Only the browser's
    ``Sec-Fetch-Site`` tells which, and over plain HTTP a browser does not send it.
    """

    description = "The headers Origin and Host differ."


def csrf_token() -> str:
    """Return the token for the forms of this answer."""
    token: str | None = g.get("csrf_token")
    if token is None:
        secret = session.get(CSRF_FIELD)
        if secret is None:
            secret = session[CSRF_FIELD] = secrets.token_hex(32)
        mask = secrets.token_bytes(MASK_BYTES)
        masked = mask + _xor(mask, _find_keys(secret)[0])
        g.csrf_token = token = urlsafe_b64encode(masked).rstrip(b"=").decode()
    return token


def check_form_token(sent: Request, token: str) -> None:
    """Refuse a form without a token of this session.

    Parameters
    ----------
    token:
        The one in the form. Without it, the one in a header counts.

    Raises
    ------
    CSRFError
        The token is missing or wrong. Over HTTPS, the form must also name a page of this site as
        the one it was sent from: somebody on the network can set cookies over plain HTTP.
    """
    token = token or next(filter(None, map(sent.headers.get, CSRF_HEADERS)), "")
    if not token:
        raise CSRFError("The form has no token.")
    secret = session.get(CSRF_FIELD)
    if secret is None:
        raise CSRFError("The session has no token.")
    if not _TOKEN.fullmatch(token):
        raise CSRFError("The token is malformed.")
    masked = urlsafe_b64decode(f"{token}=")
    key = _xor(masked[:MASK_BYTES], masked[MASK_BYTES:])
    # The keys of earlier secret keys too: a page that is open need not be loaded again.
    if not any(hmac.compare_digest(key, valid) for valid in _find_keys(secret)):
        raise CSRFError("The token is not one of this session.")

    if sent.is_secure:
        try:
            page = urlsplit(sent.referrer or "")
        except ValueError as error:
            raise CSRFError("The referrer cannot be understood.") from error
        if (page.scheme, page.netloc) != ("https", sent.host):
            raise CSRFError("The referrer is not a page of this site.")


def _find_keys(secret: str) -> list[bytes]:
    # With the secret key, who can read the database still cannot make a token.
    config = current_app.config
    secret_keys: list[str] = [config["SECRET_KEY"], *config["SECRET_KEY_FALLBACKS"]]
    return [
        hmac.digest(secret_key.encode(), secret.encode(), "sha256")[:MASK_BYTES]
        for secret_key in secret_keys
    ]


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(MASK_BYTES)
