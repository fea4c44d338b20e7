"""Passwords: hashed with argon2id, a few at a time, and refused if they are easy to guess."""

from __future__ import annotations

import gc
import os
import re
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher as Argon2
from argon2 import Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

# OWASP's first choice for argon2id takes 26-32 ms here. The library's defaults take 196 ms.
MEMORY_KIB = 19_456
ROUNDS = 2
LANES = 1
MAX_AT_ONCE = 4

MIN_LENGTH = 8
MAX_BYTES = 1_024
PRODUCT_NAMES = ("chat-profiles", "chatprofiles", "chat profiles", "chat", "profiles", "webapp")
# Of zxcvbn: passwords with a score of 0 or 1 are found in under a million guesses.
LOWEST_SCORE = 2
# zxcvbn's work grows with the square of the length, and with every 4 that could be an A: 72 such
# characters take 23 s, 32 take at most 1 s.
COUNTED_LENGTH = 32
OWN_CHARACTERS = 6

# What an imported hash may cost. Its user pays for it until the first sign-in that succeeds.
IMPORT_MEMORY_KIB = range(7_168, 131_072 + 1)
IMPORT_ROUNDS = range(1, 10 + 1)
IMPORT_LANES = range(1, 16 + 1)
IMPORT_KIB_ROUNDS = 524_288
HASH_LIMIT = 255

# A hash with an invented digest, which belongs to no password. To check against it takes as long as
# to check against a real one.
_DUMMY_HASH = (
    f"$argon2id$v={ARGON2_VERSION}$m={MEMORY_KIB},t={ROUNDS},p={LANES}"
    "$bm9ib2R5IGhhcyBpdA$bm9ib2R5IGhhcyB0aGlzIHBhc3N3b3JkLCBldmVyISE"
)
_PHC = re.compile(
    r"\$argon2id\$v=19\$m=\d{1,7},t=\d{1,3},p=\d{1,3}\$[A-Za-z0-9+/]{11,88}\$[A-Za-z0-9+/]{22,88}"
)

# zxcvbn keeps the given names in a dictionary of its module while it works.
_score_lock = threading.Lock()


class PasswordError(ValueError):
    """A password cannot be used. The message gives the reason in one line."""


class PasswordHasher:
    """Hashes and verifies with argon2id, a few at a time.

    A process runs at most one per processor and at most ``MAX_AT_ONCE`` at the same time. So
    sign-ins need at most 4 x 19 MiB = 76 MiB. An imported hash may need up to 128 MiB, until its
    user has signed in once.
    """

    def __init__(self) -> None:
        self.at_once = max(1, min(MAX_AT_ONCE, os.cpu_count() or 1))
        # Threads of its own rather than a semaphore: the allocator keeps the memory of each thread
        # that has hashed, so 50 request threads would keep 19 MiB each.
        self._threads = ThreadPoolExecutor(self.at_once, "webapp-hash")
        self._argon2 = Argon2(
            time_cost=ROUNDS, memory_cost=MEMORY_KIB, parallelism=LANES, type=Type.ID
        )

    def hash(self, password: str) -> str:
        """Return a hash of ``password`` with a new salt."""
        return self._threads.submit(self._argon2.hash, _encode(password)).result()

    def verify(self, stored_hash: str | None, password: str) -> bool:
        """Return whether ``password`` belongs to ``stored_hash``. It costs one hash in any case.

        If the hash is ``None`` (no such user) or not readable, the password is checked against a
        dummy, so that the time does not show whether the user exists.
        """
        encoded = _encode(password)
        if stored_hash is not None and len(encoded) <= MAX_BYTES and is_argon2_hash(stored_hash):
            return self._matches(stored_hash, encoded)
        # A password that is too long is not hashed, not even a part of it.
        self._matches(_DUMMY_HASH, b"")
        return False

    def needs_rehash(self, stored_hash: str) -> bool:
        """Return whether a readable hash has other parameters than today's."""
        return self._argon2.check_needs_rehash(stored_hash)

    def _matches(self, stored_hash: str, encoded: bytes) -> bool:
        try:
            return self._threads.submit(self._argon2.verify, stored_hash, encoded).result()
        except (VerificationError, InvalidHashError):
            return False


def is_argon2_hash(text: str) -> bool:
    """Return whether ``text`` is an argon2id hash that may be stored and checked at a sign-in.

    Its memory, rounds and lanes have limits. One sign-in with a hash of 4 GiB would stop the site,
    and a hash that is too cheap protects nobody.
    """
    if len(text) > HASH_LIMIT or not _PHC.fullmatch(text):
        return False
    try:
        found = extract_parameters(text)
    except (InvalidHashError, ValueError):
        return False
    return (
        found.memory_cost in IMPORT_MEMORY_KIB
        and found.time_cost in IMPORT_ROUNDS
        and found.parallelism in IMPORT_LANES
        and found.memory_cost * found.time_cost <= IMPORT_KIB_ROUNDS
    )


def refuse_weak(
    password: str, username: str, minimum: int = MIN_LENGTH, names: Iterable[str] = ()
) -> None:
    """Refuse a password that is too short, too long, or easy to guess.

    Parameters
    ----------
    password:
        As typed. It is neither trimmed nor truncated.
    username:
        The name of its user, which the password must not consist of.
    minimum:
        How many characters it needs at least.
    names:
        More words that are easy to guess, such as a display name or the name of the site.

    Raises
    ------
    PasswordError
        The message gives the reason, and never contains the password.
    """
    if len(password) < minimum:
        raise PasswordError(f"the password needs at least {minimum} characters")
    if len(_encode(password)) > MAX_BYTES:
        raise PasswordError(f"the password is longer than {MAX_BYTES:,} bytes")

    known = [username, *names, *PRODUCT_NAMES]
    parts = [part for name in known for part in re.split(r"[\s._@+-]+", name)]
    guessable = [text for text in dict.fromkeys([*known, *parts]) if len(text) > 2]
    rest = password.casefold()
    for name in sorted(guessable, key=len, reverse=True):
        rest = rest.replace(name.casefold(), "")
    if len(rest) < OWN_CHARACTERS:
        raise PasswordError("the password is little more than a name that is known here")

    # A part is at most as hard to guess as the whole, so the better end counts.
    ends = {password[:COUNTED_LENGTH], password[-COUNTED_LENGTH:]}
    with _score_lock:
        from zxcvbn import zxcvbn  # noqa: PLC0415 - lists of words of 12 MiB, see `forget_words`

        score = max(int(zxcvbn(end, user_inputs=guessable)["score"]) for end in ends)
    if score < LOWEST_SCORE:
        raise PasswordError(
            "the password is too easy to guess; use several words, or more unusual characters"
        )


def forget_words() -> None:
    """Give back most of the memory that `refuse_weak` takes for its lists of words.

    A process that serves pages judges a password now and then. To import the lists again takes
    15 ms.
    """
    with _score_lock:
        for name in [name for name in sys.modules if name.partition(".")[0] == "zxcvbn"]:
            del sys.modules[name]
        gc.collect()


def _encode(password: str) -> bytes:
    # A lone surrogate is half a character. It becomes bytes here instead of an error.
    return password.encode("utf-8", "surrogatepass")
