r"""Where a TeX formula ends: ``$x$``, ``$$x$$``, ``\(x\)``, ``\[x\]`` or ``\begin{x}y\end{x}``.

Markdown would remove the backslashes of a formula, and take its stars and underscores for emphasis.
So formulas are found before all else, and `mathml.py` typesets them. A dollar may as well stand
before an amount of money. The rules that tell the two apart are those of Pandoc, and some for
amounts beside bold text and links. Between dollars with a space inside, only what is surely TeX
counts.
"""

from __future__ import annotations

import re

# A longer formula is read as Markdown: in a line of text, and on lines of its own.
INLINE_LIMIT = 2_000
DISPLAY_LIMIT = 10_000

# Between dollars with a space inside, so many words of a language are prose.
MOST_WORDS = 2

# A text without any of these has no formula.
MARKS = ("$", "\\(", "\\[", "\\begin{")
# The marks of formulas that may stand on lines of their own.
DISPLAY_MARKS = ("$$", "\\[", "\\begin{")
# A bar of a formula, while the cells of a table are told apart. It stands in no text.
PIPE = "\ufdd0"

_BEGIN = re.compile(r"\\begin(\{[A-Za-z]{1,20}\*?\})")
# Up to the next dollar. Nothing before it can be given back, so the time is linear.
_INLINE_MARK = re.compile(r"\$|\\\(")
_DOLLARS = re.compile(r"\$((?![\s)\],.;:!?}])(?:[^$\\`]|\\.){1,1000}+)\$(?![$0-9])", re.DOTALL)
# With a space inside of both dollars, as some models write.
_SPACED_DOLLARS = re.compile(r"\$[ \t]((?:[^$\\`\n]|\\.){1,1000}+)(?<=[ \t])\$(?![$0-9])")
_NO_WORDS = re.compile(r"\\(?:text|mathrm|operatorname)\s*\{[^{}]*\}|\\[A-Za-z]+|\{[^{}]*\}")
_WORD = re.compile(r"[^\W\d_]{2,}")
_TEX = re.compile(r"\\[A-Za-z{}|,;!]|\^|_\{|[A-Za-z)\]}]_[A-Za-z0-9\\]")
_MARKDOWN = re.compile(
    r"\*\*|~~|\]\(|://|`|</|<br"
    # A star that opens or closes emphasis. One that multiplies has the same on both sides.
    r"|\*(?=[\s,.;:)])(?<=\S\*)|(?<![^\s(])\*(?=\S)",
    re.IGNORECASE,
)
# What stands between two variables of a shell or of PHP.
_NO_END = re.compile(r"\(\Z|[^\\^_](?:[/:;,=]|->)\Z")
_AMOUNT = re.compile(r"[.,]?[0-9].*?(?<!\\)\b[A-Za-z]{2}", re.DOTALL)
_WORDS = re.compile(r"(?<!\\)\b[^\W\d_]{3,}\b[^=<>+^]*?(?<!\\)\b[^\W\d_]{3,}\b")


def formula_end(text: str, start: int, limit: int) -> int:
    """Return the position after the formula that begins at ``start``, or 0 if none does.

    Parameters
    ----------
    text
        The text around it.
    start
        The position of a dollar or backslash.
    limit
        The position at which the formula has ended.
    """
    if text[start] == "\\":
        return _end_of_marked(text, start, limit)
    if not text.startswith("$$", start):
        return _end_of_dollars(text, start, limit)
    end = text.find("$$", start + 2, min(limit, start + DISPLAY_LIMIT))
    content = text[start + 2 : end]
    if end < 0 or not content.strip() or content[0] == "$" or _is_prose(content):
        return 0
    return end + 2


def _end_of_dollars(text: str, start: int, limit: int) -> int:
    before = text[start - 1 : start]
    if before.isascii() and before.isalnum():
        return 0
    if match := _DOLLARS.match(text, start, limit):
        content = match[1]
        is_open = content[-1].isspace() or _NO_END.search(content)
        return 0 if is_open or _is_prose(content) else match.end()
    spaced = _SPACED_DOLLARS.match(text, start, limit)
    return spaced.end() if spaced and _is_spaced_formula(spaced[1]) else 0


def _end_of_marked(text: str, start: int, limit: int) -> int:
    mark, most = text[start : start + 2], DISPLAY_LIMIT
    if mark == "\\(":
        end_mark, most = "\\)", INLINE_LIMIT
    elif mark == "\\[":
        end_mark = "\\]"
    elif match := _BEGIN.match(text, start, limit):
        mark, end_mark = match[0], f"\\end{match[1]}"
    else:
        return 0
    after = start + len(mark)
    end = text.find(end_mark, after, min(limit, start + most))
    return end + len(end_mark) if end > after else 0


def _is_prose(content: str) -> bool:
    """Return whether this is the text between two amounts of money."""
    if _TEX.search(content):
        return False
    return bool(_MARKDOWN.search(content) or _AMOUNT.match(content) or _WORDS.search(content))


def _is_spaced_formula(content: str) -> bool:
    """Return whether this is a formula, though it begins with a space after its dollar."""
    is_markdown = _MARKDOWN.search(content.replace("^*", "")) is not None
    if is_markdown or not _TEX.search(content) or _AMOUNT.match(content.lstrip()):
        return False
    return len(_WORD.findall(_NO_WORDS.sub("", content))) < MOST_WORDS


def open_formula(line: str) -> int:
    """Return the position of the mark after which a formula goes on below ``line``, or -1."""
    found = max(line.rfind("\\["), line.rfind("\\begin{"))
    if found >= 0 and not _end_of_marked(line, found, len(line)):
        return found
    return line.rfind("$$") if line.count("$$") % 2 else -1


def unfinished_formula(text: str) -> int:
    """Return the position of a formula that ``text`` ends in, or -1. More text is to come."""
    if not any(mark in text for mark in MARKS):
        return -1
    places = [place for mark in MARKS[1:] if (place := text.rfind(mark)) >= 0]
    found = [place for place in places if not _end_of_marked(text, place, len(text))]
    dollar = text.rfind("$$") if text.count("$$") % 2 else text.rfind("$")
    rest = text[dollar + 1 :].lstrip("$")
    if dollar >= 0 and _may_be_formula(text, dollar, rest):
        found.append(dollar)
    # The next character may be a digit, and this an amount. (It is the second dollar of a pair.)
    start = text.rfind("$", 0, len(text) - 1)
    if text.endswith("$") and start >= 0 and formula_end(text, start, len(text)) == len(text):
        found.append(start)
    place = min(found, default=-1)
    # In code there is no formula.
    return -1 if text.count("`", 0, max(place, 0)) % 2 else place


def _may_be_formula(text: str, dollar: int, rest: str) -> bool:
    """Return whether ``rest``, which follows the last dollar, may be the beginning of a formula."""
    if rest[:1].isspace():
        start = text.rfind("$", 0, dollar)
        is_end = start >= 0 and formula_end(text, start, len(text)) == dollar + 1
        return not is_end and "\n" not in rest and _is_spaced_formula(rest)
    return bool(_TEX.search(rest) or rest.endswith("\\"))


def hide_pipes(text: str) -> str:
    """Return ``text`` with `PIPE` for the bars in formulas, which end no cell of a table."""
    if "|" not in text or not ("$" in text or "\\(" in text) or PIPE in text:
        return text
    return "\n".join(
        _hide_pipes_in_line(line) if "|" in line and ("$" in line or "\\(" in line) else line
        for line in text.split("\n")
    )


def _hide_pipes_in_line(line: str) -> str:
    pieces, done, place = [], 0, -1
    while match := _INLINE_MARK.search(line, max(done, place + 1)):
        place = match.start()
        end = formula_end(line, place, len(line))
        if not end:
            continue
        formula = line[place:end]
        is_sure = match[0] == "\\(" or _has_own_pipes(formula)
        pieces += [line[done:place], formula.replace("|", PIPE) if is_sure else formula]
        done = end
    return "".join([*pieces, line[done:]])


def _has_own_pipes(formula: str) -> bool:
    """Return whether all bars are in brackets, or stand around something."""
    depth = bare = 0
    for place, character in enumerate(formula):
        depth += (character in "([{") - (character in ")]}")
        if character == "|" and depth < 1:
            bare += 1
            if formula[place - 1] == formula[place + 1] == " ":
                return False
    return bare % 2 == 0
