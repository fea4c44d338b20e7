"""Everything that Markdown can do, in one long answer."""

import webapp as cl

ANSWER = (
    """## A longer answer

It has **bold** and *slanted* words, `code`, and [a link](https://example.org/a/page).

- a list
- with a second item
  - and one inside it

1. First
2. Second

> A quotation of somebody else.

```python
def greet(name: str) -> str:
    return f"Hello {name}, this line is longer than the screen of any phone there is"
```

| Model | Context | Price | Notes |
|---|---:|---:|---|
| small | 8,000 | 0.10 | quick, and good enough for most questions |
| large | 128,000 | 2.50 | slow, thorough, and it reads whole books in one go |

"""
    + "Words and more words of an ordinary paragraph, so that the page has to scroll. " * 40
)


@cl.on_chat_start
def start() -> None:
    cl.Message(ANSWER).send()
    cl.Message("A second speaker adds a line.", author="Second speaker").send()
