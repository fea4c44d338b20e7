"""What an answer looks like: headings, code, tables and links."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chatty import Chatty
from tests.browser.steps import answer, ask, ended, open_chat

pytestmark = pytest.mark.browser

ANSWER = f"""# One

## Two

### Three

Words

| a | b | c |
|:--|:-:|--:|
| 1 | 2 | 3 |

| Name | Wide |
|---|---|
| a | `{"x" * 300}` |

```python
x = 1
```

```
y = 2
```

[A link](/)

"""


def show(page: Page, chatty: Chatty) -> None:
    open_chat(page, chatty.site)
    ask(page, "dictate")
    chatty.dictate(ANSWER, "end")
    chatty.end()
    ended(page)


def style(page: Page, selector: str, name: str, pseudo: str = "") -> list[str]:
    """Return a computed style of all elements of the answer that match."""
    styles: list[str] = answer(page).evaluate(
        "(node, [selector, name, pseudo]) => [...node.querySelectorAll(selector)]"
        ".map((element) => getComputedStyle(element, pseudo || null)[name])",
        [selector, name, pseudo],
    )
    return styles


def test_headings_and_code_have_sizes_of_their_own(desktop: Page, chatty: Chatty) -> None:
    show(desktop, chatty)
    assert style(desktop, "h2, h3, h4, p:first-of-type", "fontSize") == [
        "22px",
        "19.2px",
        "17px",
        "16px",
    ]
    assert style(desktop, "pre code", "fontSize") == ["14px", "14px"]


def test_code_has_a_label_with_its_language(desktop: Page, chatty: Chatty) -> None:
    show(desktop, chatty)
    first, second = style(desktop, "pre code", "content", "::before")
    assert '"language-python"' in first
    assert second == "none"
    # Of the name of the class, only the language is to be seen.
    letters = float(style(desktop, "pre code", "textIndent", "::before")[0][:-2]) / -9
    width = float(style(desktop, "pre code", "width", "::before")[0][:-2])
    assert width == pytest.approx(len("python") * letters, abs=letters / 2)
    copied = desktop.locator(".message pre").first.evaluate("node => node.lastChild.textContent")
    assert copied == "x = 1\n"


def test_cells_are_aligned(desktop: Page, chatty: Chatty) -> None:
    show(desktop, chatty)
    for cells in ("table:first-of-type th", "table:first-of-type td"):
        assert style(desktop, cells, "textAlign")[:3] == ["left", "center", "right"]


def test_a_wide_table_scrolls_inside_itself_and_says_so(phone: Page, chatty: Chatty) -> None:
    show(phone, chatty)
    table = answer(phone).locator("table").last
    inside, outside = table.evaluate("node => [node.scrollWidth, node.clientWidth]")
    assert inside > outside
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert style(phone, "table", "backgroundAttachment")[-1] == "local, local, scroll, scroll"
    before = table.screenshot()
    table.evaluate("node => { node.scrollLeft = node.scrollWidth; }")
    assert table.screenshot() != before


def test_a_link_leaves_the_chat_open(desktop: Page, chatty: Chatty) -> None:
    show(desktop, chatty)
    here = desktop.url
    with desktop.context.expect_page() as opened:
        answer(desktop).get_by_role("link", name="A link").click()
    expect(opened.value.locator("body")).to_be_visible()
    assert opened.value.evaluate("window.opener") is None
    assert desktop.url == here
