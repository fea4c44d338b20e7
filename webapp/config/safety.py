"""What makes a site unsafe: a secret that can be guessed, or a switch of Flask."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from webapp.config.secret_file import SECRET_BYTES

SAMPLE_SECRETS = ("changeme", "change-me", "secret", "dev", "example", "your-secret-key")
_FRESH_ONE = "Print a fresh one with `chat-profiles secret`."
ALSO_ANOTHER = f"WEBAPP_SECRET_KEY is also used as another secret. {_FRESH_ONE}"


def find_secret_problems(key: str, earlier: Sequence[str]) -> dict[str, str]:
    """Return what is wrong with the secret key, and with those before it."""
    problems = {}
    is_sample = any(key.lower().startswith(sample) for sample in SAMPLE_SECRETS)
    if not key:
        problems["WEBAPP_SECRET_KEY"] = f"WEBAPP_SECRET_KEY is not set. {_FRESH_ONE}"
    elif len(key.encode()) < SECRET_BYTES:
        problems["WEBAPP_SECRET_KEY"] = (
            f"WEBAPP_SECRET_KEY is shorter than {SECRET_BYTES} bytes. {_FRESH_ONE}"
        )
    elif len(set(key)) < 8 or is_sample:
        problems["WEBAPP_SECRET_KEY"] = (
            f"WEBAPP_SECRET_KEY is a sample or can be guessed. {_FRESH_ONE}"
        )
    elif key in earlier:
        problems["WEBAPP_SECRET_KEY"] = ALSO_ANOTHER
    short = [place for place, old in enumerate(earlier, 1) if len(old.encode()) < SECRET_BYTES]
    if short:
        problems["WEBAPP_SECRET_KEY_FALLBACKS"] = (
            f"WEBAPP_SECRET_KEY_FALLBACKS holds a key shorter than {SECRET_BYTES} bytes: number "
            f"{short[0]} of {len(earlier)}. Correct it, or leave it out."
        )
    return problems


def find_proxy_secret_problems(secret: str, others: Sequence[str]) -> dict[str, str]:
    """Return what is wrong with the secret of the proxy, if there is one."""
    if not secret:
        return {}
    line = ""
    if len(secret) < SECRET_BYTES or not re.fullmatch(r"[!-~]+", secret):
        line = (
            f"WEBAPP_PROXY_SECRET must be {SECRET_BYTES} or more letters, digits and signs of "
            f"ASCII, without spaces. {_FRESH_ONE}"
        )
    elif secret in others:
        line = f"WEBAPP_PROXY_SECRET is also used as another secret. {_FRESH_ONE}"
    return {"WEBAPP_PROXY_SECRET": line} if line else {}


def find_switch_problems(flask: Mapping[str, Any], *, is_production: bool) -> dict[str, str]:
    """Return which switches of Flask would let others act for a user, or show the source."""
    problems = {}
    if flask.get("LOGIN_DISABLED"):
        problems["LOGIN_DISABLED"] = "LOGIN_DISABLED is set, which would let anybody in; remove it."
    for switch in ("WTF_CSRF_ENABLED", "WTF_CSRF_CHECK_DEFAULT"):
        if flask.get(switch, True) in (False, 0, "0", "", None):
            problems[switch] = (
                f"{switch} is off, which would let other sites act for a user; remove it."
            )
    debug = flask.get("DEBUG") or os.environ.get("FLASK_DEBUG", "") not in ("", "0", "false")
    if is_production and debug:
        problems["DEBUG"] = (
            "DEBUG (or FLASK_DEBUG) is set, which shows source code to visitors; remove it."
        )
    return problems
