"""The HTML of a whole message, by markdown-it-py."""

from __future__ import annotations

import time

from markupsafe import Markup

from webapp.markdown.blocks import (
    FORMULAS,
    TABLE_CELLS,
    Extent,
    TooManyCellsError,
    TooSlowError,
    count_formulas,
    normalize_line_ends,
    parse,
    render,
)
from webapp.markdown.budget import (
    CHARACTER_SECONDS,
    FORMULA_SECONDS,
    NEVER,
    TABLES,
    WHOLE,
    PageBudget,
    SlowTexts,
)
from webapp.markdown.footnotes import Footnotes
from webapp.markdown.highlighting import SECONDS, Allowance
from webapp.markdown.sanitizer import is_too_long, plain_html, sanitize, sentence_html


def message_html(text: str, budget: PageBudget | None = None, name: str = "") -> Markup:
    """Return the HTML of a message. Text that would cost too much is shown as it was typed.

    Parameters
    ----------
    text
        The message.
    budget
        What is left for the messages of the same page. Without it, this message has its own.
    name
        What tells the ids of its footnotes from those of other messages: letters and digits.
    """
    simple = sentence_html(text)
    if simple is not None:  # most short answers: 30 times as quick as the parser
        return simple
    text = normalize_line_ends(text)
    extent = Extent()
    extent.add(text)
    if extent.is_too_much:
        return plain_html(text)

    budget = budget or PageBudget(SlowTexts())
    seconds = budget.share()
    is_hopeless = seconds < len(text) * CHARACTER_SECONDS
    if is_hopeless or budget.slow.needs_more(WHOLE, text, seconds):
        return plain_html(text)
    began = time.thread_time()
    try:
        html = _render(text, name, began + seconds, budget.slow)
    except TooSlowError:
        html = None
        budget.slow.note_miss(text, seconds)
    budget.spend(time.thread_time() - began)
    return plain_html(text) if html is None else html


def _render(text: str, name: str, deadline: float, slow: SlowTexts) -> Markup | None:
    cells = None if slow.needs_more(TABLES, text, NEVER) else TABLE_CELLS
    formulas = min(FORMULAS, int((deadline - time.thread_time()) / FORMULA_SECONDS))
    try:
        tokens = parse(
            text, {}, cells=cells, formulas=formulas, formulas_at_once=formulas, deadline=deadline
        )
    except RecursionError:  # dozens of nested lists or quotes
        slow.remember(WHOLE, text, NEVER)
        return None
    except TooManyCellsError:
        slow.remember(TABLES, text, NEVER)
        return _render(text, name, deadline, slow)
    footnotes = Footnotes(name=name)
    footnotes.add(tokens)
    allowance = Allowance(seconds=min(SECONDS, deadline - time.thread_time()))
    html = render(tokens, footnotes, allowance)
    if is_too_long(len(html), len(text) + count_formulas(tokens)):
        slow.remember(WHOLE, text, NEVER)
        return None
    return sanitize(html)
