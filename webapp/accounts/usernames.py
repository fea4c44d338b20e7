"""Usernames: each has one stored form, and no two look alike."""

from __future__ import annotations

import unicodedata
from functools import cache

PUNCTUATION = frozenset("._@+-")
DIGITS = frozenset("0123456789")
# Scripts that one language writes together (UTS 39, 5.1 "augmented script sets").
SCRIPTS_OF_ONE_LANGUAGE = (
    frozenset({"HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"HAN", "HANGUL"}),
    frozenset({"HAN", "BOPOMOFO"}),
)
# Japanese. It belongs to two scripts, so Unicode assigns it to neither.
LONG_VOWEL_MARK = "\u30fc"
MAX_MARKS = 2
# Letters and marks that draw nothing (Default_Ignorable_Code_Point). A name with one of them would
# look like the name without it.
INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")
USERNAME_LIMIT = 64
SKELETON_LIMIT = USERNAME_LIMIT * 4


class UsernameError(ValueError):
    """A username cannot be used. The message gives the reason in one line."""


def canonical(username: str) -> str:
    """Return the form in which a username is stored and found: NFKC, case folded, trimmed.

    Example
    -------
    >>> canonical("  \uff21lice ")
    'alice'
    """
    folded = username.strip()
    # Folding can undo the normal form, and the reverse. Twice is stable (Unicode 3.13 D146).
    for _ in range(2):
        folded = unicodedata.normalize("NFKC", folded).casefold()
    return unicodedata.normalize("NFKC", folded).strip()


def validate_username(username: str) -> str:
    """Return the canonical form of a username that an account may have.

    Raises
    ------
    UsernameError
        It is empty, too long, or contains characters that could mislead.
    """
    # Checked before the normal form, which can make a text 18 times as long.
    if len(username) > SKELETON_LIMIT:
        raise UsernameError(f"a username has at most {USERNAME_LIMIT} characters")
    name = canonical(username)
    if not name:
        raise UsernameError("a username cannot be empty")
    if len(name) > USERNAME_LIMIT:
        raise UsernameError(f"a username has at most {USERNAME_LIMIT} characters")
    _refuse_characters(name)

    scripts = {_script(c) for c in name if c not in PUNCTUATION and c not in DIGITS}
    scripts -= {"COMMON", "INHERITED"}
    if len(scripts) > 1 and not any(scripts <= group for group in SCRIPTS_OF_ONE_LANGUAGE):
        names = " and ".join(script.title() for script in sorted(scripts))
        raise UsernameError(f"a username cannot mix letters of several scripts ({names})")
    if name.startswith("-"):
        raise UsernameError("a username cannot begin with -, which commands take for an option")
    if all(character in PUNCTUATION for character in name):
        raise UsernameError("a username needs at least one letter or digit")
    return name


def skeleton(canonical_name: str) -> str:
    """Return a text that is the same for all names that look like this one (UTS 39, 4).

    Use it to compare names, and never show it.

    Example
    -------
    >>> skeleton("p\u0430ypal") == skeleton("paypa1") == skeleton("paypal")
    True
    """
    shape = unicodedata.normalize("NFD", canonical_name)
    # Some prototypes are capitals (0 looks like O), which folding changes into other letters.
    for _ in range(3):
        shape = "".join(_prototypes().get(character, character) for character in shape)
        shape = unicodedata.normalize("NFD", shape.casefold())
    return shape[:SKELETON_LIMIT]


def _refuse_characters(name: str) -> None:
    marks = 0
    for position, character in enumerate(name):
        marks = marks + 1 if _is_mark(character) else 0
        if marks > MAX_MARKS or (marks and position == 0):
            raise UsernameError("a username cannot begin with marks or stack them")
        if not (marks or character in PUNCTUATION or character in DIGITS or _is_letter(character)):
            shown = character if character.isprintable() else f"U+{ord(character):04X}"
            raise UsernameError(
                f"a username cannot contain {shown!r}; use letters, digits and . _ @ + -"
            )


def _is_letter(character: str) -> bool:
    if character == LONG_VOWEL_MARK:
        return True
    letter = unicodedata.category(character).startswith("L") and character not in INVISIBLE
    return letter and _script(character) not in ("COMMON", "INHERITED", "Unknown")


def _is_mark(character: str) -> bool:
    if character in INVISIBLE or unicodedata.category(character) not in ("Mn", "Mc"):
        return False
    # Of the marks for any script, only accents are allowed: others include variation selectors.
    return "\u0300" <= character <= "\u036f" or _script(character) not in ("INHERITED", "Unknown")


def _script(character: str) -> str:
    if character.isascii():
        return "LATIN" if character.isalpha() else "COMMON"
    from confusable_homoglyphs.categories import alias  # noqa: PLC0415 - 1 MiB, for few names

    return str(alias(character))


@cache
def _prototypes() -> dict[str, str]:
    """Return the prototype of each confusable character.

    The library lists every pair in both directions. In Unicode's data each character has one
    prototype. So a character with one partner points to its prototype, and a character with
    several partners is a prototype itself.
    """
    # Only commands that add users need the table.
    from confusable_homoglyphs.confusables import confusables_data  # noqa: PLC0415 - 6 MiB

    partners = {
        _strip_marks(character): [_strip_marks(str(found["c"])) for found in pairs]
        for character, pairs in confusables_data.items()
    }
    found = {}
    for character, others in partners.items():
        if len(character) == 1 and len(others) == 1:
            other = others[0]
            is_pair = len(other) == 1 and len(partners.get(other, ())) == 1
            found[character] = min(character, other) if is_pair else other
    return found


def _strip_marks(text: str) -> str:
    # The data wraps right-to-left characters in marks, to keep its own columns aligned.
    return text.replace("\u200e", "") or text
