"""The value of the cookie of keys: whose they are, and the keys.

Browsers send a cookie to every port of a host, so other programs there get it, too. It is encrypted
if the package `cryptography` is installed, which the extra `user-keys` brings, and only signed
otherwise. A value of the other kind can still be read.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

# It is before the signature. An encrypted value, which is Base64, has none.
_MARK_OF_SIGNED = "."


def can_encrypt() -> bool:
    """Return whether this process encrypts the cookie."""
    return _fernet_module() is not None


def is_encrypted(value: str) -> bool:
    """Return whether a value is of the encrypted kind."""
    return _MARK_OF_SIGNED not in value


def write_value(owner: str, keys: Mapping[str, str], secrets: Sequence[str]) -> str:
    """Return the value of a cookie.

    Parameters
    ----------
    secrets:
        The secret key of the site is the last one. Those from before it can only read.
    """
    if not can_encrypt():
        return str(_signer(secrets).dumps([owner, keys]))
    text = json.dumps([owner, keys], ensure_ascii=False, separators=(",", ":"))
    return str(_cipher(tuple(secrets)).encrypt(text.encode()).decode())


def read_value(value: str, secrets: Sequence[str]) -> tuple[str | None, dict[str, str]]:
    """Return whose the keys of a cookie are, and the keys; ``None`` if the value does not count."""
    if not is_encrypted(value):
        try:
            owner, keys = _signer(secrets).loads(value)
        except BadData:
            return None, {}
        return owner, keys
    fernet = _fernet_module()
    # Written while the package was there.
    if fernet is None:
        return None, {}
    try:
        owner, keys = json.loads(_cipher(tuple(secrets)).decrypt(value.encode()))
    except (fernet.InvalidToken, UnicodeError):
        return None, {}
    return owner, keys


def _signer(secrets: Sequence[str]) -> URLSafeSerializer:
    return URLSafeSerializer(list(secrets), salt="user-keys")


@cache
def _cipher(secrets: tuple[str, ...]) -> Any:
    fernet = _fernet_module()
    # Not the secrets themselves, which have other purposes. The first key of the list writes.
    keys = [hmac.digest(secret.encode(), b"user-keys", "sha256") for secret in reversed(secrets)]
    return fernet.MultiFernet([fernet.Fernet(base64.urlsafe_b64encode(key)) for key in keys])


@cache
def _fernet_module() -> Any:
    try:
        return import_module("cryptography.fernet")
    except ModuleNotFoundError:
        return None
