"""Passwords: hashed with argon2id a few at a time, and refused when they can be guessed (R5-R8)."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher as Argon2
from argon2 import Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION
from zxcvbn import zxcvbn

# OWASP's first choice for argon2id: 26-32 ms here, where the library's own take 196 ms.
MEMORY_KIB = 19_456
ROUNDS = 2
LANES = 1
MAX_AT_ONCE = 4

MIN_LENGTH = 8
MAX_BYTES = 1_024
PRODUCT_NAMES = ("chat-profiles", "chatprofiles", "chat profiles", "chat", "profiles", "webapp")
# zxcvbn: 0 and 1 are found in under a million guesses.
LOWEST_SCORE = 2
# The library's work grows with the square of the length, and with every 4 that could be an A:
# 72 such characters take 23 s, 32 at most 1 s.
COUNTED_LENGTH = 32
OWN_CHARACTERS = 6

# What a hash from elsewhere may cost, at every login of that user until the first that succeeds.
IMPORT_MEMORY_KIB = range(7_168, 131_072 + 1)
IMPORT_ROUNDS = range(1, 10 + 1)
IMPORT_LANES = range(1, 16 + 1)
IMPORT_KIB_ROUNDS = 524_288
HASH_LIMIT = 255

# A hash that no password has: its digest was made up. Checking against it takes as long as checking
# against a real one, and costs no hash to make.
_DUMMY_HASH = (
    f"$argon2id$v={ARGON2_VERSION}$m={MEMORY_KIB},t={ROUNDS},p={LANES}"
    "$bm9ib2R5IGhhcyBpdA$bm9ib2R5IGhhcyB0aGlzIHBhc3N3b3JkLCBldmVyISE"
)
_PHC = re.compile(
    r"\$argon2id\$v=19\$m=\d{1,7},t=\d{1,3},p=\d{1,3}\$[A-Za-z0-9+/]{11,88}\$[A-Za-z0-9+/]{22,88}"
)

# zxcvbn keeps the names it is given in a dictionary of its module while it counts.
_counting = threading.Lock()


class PasswordError(ValueError):
    """A password cannot be used; the message says why, in one line."""


class PasswordHasher:
    """Hashes and verifies with argon2id, a few at a time (R8).

    At most one per processor and ``MAX_AT_ONCE`` run at the same time in a process, so logins take
    at most 4 x 19 MiB = 76 MiB, however many come. A hash that was imported takes what it says, at
    most 128 MiB, until its owner has logged in once.
    """

    def __init__(self) -> None:
        self.at_once = max(1, min(MAX_AT_ONCE, os.cpu_count() or 1))
        # Threads of its own rather than a semaphore: the allocator keeps memory for each thread
        # that ever asked for some, and 50 request threads would keep 19 MiB each for good.
        self._threads = ThreadPoolExecutor(self.at_once, "webapp-hash")
        self._argon2 = Argon2(
            time_cost=ROUNDS, memory_cost=MEMORY_KIB, parallelism=LANES, type=Type.ID
        )

    def hash(self, password: str) -> str:
        """Return a fresh hash of ``password``, with a salt of its own."""
        return self._threads.submit(self._argon2.hash, _encoded(password)).result()

    def verify(self, stored_hash: str | None, password: str) -> bool:
        """Say whether ``password`` is the one of ``stored_hash``; costs one hash in every case.

        ``None`` (no such user) and a hash that cannot be read (R7) are checked against a dummy.
        """
        encoded = _encoded(password)
        usable = stored_hash is not None and len(encoded) <= MAX_BYTES
        usable = usable and is_argon2_hash(stored_hash or "")
        # Never more than MAX_BYTES are hashed, and never a part of a password (R5).
        return self._matches(stored_hash or "", encoded) if usable else self._pretend()

    def needs_rehash(self, stored_hash: str) -> bool:
        """Say whether a readable hash was made with other parameters than today's."""
        return self._argon2.check_needs_rehash(stored_hash)

    def _matches(self, stored_hash: str, encoded: bytes) -> bool:
        try:
            return self._threads.submit(self._argon2.verify, stored_hash, encoded).result()
        except (VerificationError, InvalidHashError):
            return False

    def _pretend(self) -> bool:
        self._matches(_DUMMY_HASH, b"")
        return False


def is_argon2_hash(text: str) -> bool:
    """Say whether ``text`` is an argon2id hash that may be stored and checked at a login.

    Memory, rounds and lanes must be in bounds: a hash of 4 GiB would stop the site with one login,
    and one that is too cheap protects nobody.
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
    """Refuse a password that is too short, too long, or easy to guess (R5, R6).

    Parameters
    ----------
    password:
        As typed: it is neither trimmed nor cut.
    username:
        Whose it will be; it may not be made of that name.
    minimum:
        The least number of characters.
    names:
        More words that are easy to guess here, such as a display name or the name of the site.

    Raises
    ------
    PasswordError
        With what to change. The message never holds the password.
    """
    if len(password) < minimum:
        raise PasswordError(f"the password needs at least {minimum} characters")
    if len(_encoded(password)) > MAX_BYTES:
        raise PasswordError(f"the password is longer than {MAX_BYTES:,} bytes")
    guessable = _guessable(username, *names, *PRODUCT_NAMES)
    if _is_mostly_a_name(password, guessable):
        raise PasswordError("the password is little more than a name that is known here")
    if _score(password, guessable) < LOWEST_SCORE:
        raise PasswordError(
            "the password is too easy to guess; use several words, or more unusual characters"
        )


def _is_mostly_a_name(password: str, guessable: list[str]) -> bool:
    rest = password.casefold()
    for name in sorted(guessable, key=len, reverse=True):
        rest = rest.replace(name.casefold(), "")
    return len(rest) < OWN_CHARACTERS


def _score(password: str, guessable: list[str]) -> int:
    # A part is at most as hard to guess as the whole, so the better of the two ends counts.
    ends = {password[:COUNTED_LENGTH], password[-COUNTED_LENGTH:]}
    with _counting:
        return max(int(zxcvbn(end, user_inputs=guessable)["score"]) for end in ends)


def _guessable(*names: str) -> list[str]:
    parts = [part for name in names for part in re.split(r"[\s._@+-]+", name)]
    return [text for text in dict.fromkeys([*names, *parts]) if len(text) > 2]


def _encoded(password: str) -> bytes:
    # Half a character (a lone surrogate) is a byte sequence like any other, not a crash.
    return password.encode("utf-8", "surrogatepass")
