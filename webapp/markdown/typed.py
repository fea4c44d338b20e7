"""The HTML of what a user types: the text as it is, with its blocks of code and its links."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from webapp.markdown.blocks import MESSAGE_LIMIT, normalize_line_ends, parse, render
from webapp.markdown.budget import CHARACTER_SECONDS, PageBudget, SlowTexts
from webapp.markdown.inline import BARE_LINKS, BRACKETS, NESTING_LIMIT, link_finder
from webapp.markdown.sanitizer import NOTHING, sanitize

# With more blocks of code, and text between them, a message is shown as it was typed.
MOST_PARTS = 400
# Text without any of these marks is shown as it is.
_MARKS = re.compile(r"```|~~~|://|mailto:")
_ADDRESS = re.compile(r"://|mailto:")
# A fence of back quotes has none of them behind it, or it is code within a line.
_FENCE = re.compile(r"([ \t]*)(`{3,}(?!.*`)|~{3,})(.*)")


def typed_html(text: str, budget: PageBudget | None = None) -> Markup:
    """Return the HTML of a user's message. All of its other text is shown as it was typed.

    The text is pre-formatted: its line ends and spaces count.

    Parameters
    ----------
    text
        The message.
    budget
        What is left for the messages of the same page. Without it, this message has its own.
    """
    if len(text) > MESSAGE_LIMIT or not _MARKS.search(text):
        return escape(text)
    budget = budget or PageBudget(SlowTexts())
    if budget.share() < len(text) * CHARACTER_SECONDS:
        return escape(text)
    began = time.thread_time()
    parts = list(islice(_parts(normalize_line_ends(text).split("\n")), MOST_PARTS + 1))
    html = escape(text)
    if len(parts) <= MOST_PARTS:
        html = NOTHING.join(
            _code_html(part) if is_code else _text_html(part) for is_code, part in parts
        )
    budget.spend(time.thread_time() - began)
    return html


def _parts(lines: list[str]) -> Iterator[tuple[bool, str]]:
    """Yield blocks of code, each with its fences at the margin, and the text between them."""
    text: list[str] = []
    end = 0
    for start, line in enumerate(lines):
        if start < end:
            continue
        fence = _FENCE.fullmatch(line)
        if fence is None:
            text.append(line)
            continue
        if text:
            yield False, "\n".join([*text, ""])
            text = []
        indentation, marks, language = fence.groups()
        end = _find_end(lines, start + 1, marks)
        code = [
            each[min(len(each) - len(each.lstrip(" \t")), len(indentation)) :]
            for each in lines[start + 1 : end]
        ]
        yield True, "\n".join([marks + language, *code, marks])
        end += 1
    if text:
        yield False, "\n".join(text)


def _find_end(lines: list[str], start: int, marks: str) -> int:
    """Return the number of the line that closes a block, or of the one after the last."""
    for number in range(start, len(lines)):
        line = lines[number].strip()
        if len(line) >= len(marks) and line == marks[0] * len(line):
            return number
    return len(lines)


def _code_html(source: str) -> Markup:
    return sanitize(render(parse(source, {}, cells=None)).rstrip("\n"))


def _text_html(text: str) -> Markup:
    if not 0 < len(_ADDRESS.findall(text)) <= BARE_LINKS or text.count("[") > BRACKETS:
        return escape(text)
    return sanitize(str(_link_parser().renderInline(text)))


class _LinkParser(MarkdownIt):
    """Reads links, and nothing else."""

    def normalizeLinkText(self, link: str) -> str:  # noqa: N802 - the parser's name
        """Return the address as it was typed."""
        return link


@lru_cache(maxsize=1)
def _link_parser() -> MarkdownIt:
    parser = _LinkParser("zero", {"linkify": True, "maxNesting": NESTING_LIMIT})
    parser.enable(["autolink", "link", "linkify"])
    parser.linkify = link_finder()
    return parser
