"""Every sample of hostile text, everywhere an author's app can put text."""

import webapp as cl
from tests.support.corpus import samples, text_of

TEXTS = [text_of(sample) for sample in samples("xss")]


@cl.set_chat_profiles
def chat_profiles() -> list[cl.ChatProfile]:
    return [
        cl.ChatProfile(
            name=f"{number} {text}"[:64],
            display_name=text.strip() or None,
            markdown_description=text,
            icon=text if number % 3 == 0 and "//" not in text else None,
            starters=[cl.Starter(label=text[:64], message=text)],
        )
        for number, text in enumerate(TEXTS)
    ]


@cl.password_auth_callback
def auth(username: str, password: str) -> cl.User | None:
    return cl.User(
        identifier=username,
        display_name=TEXTS[int(password)],
        metadata={"role": TEXTS[int(password)]},
    )


@cl.on_chat_start
def start() -> None:
    for text in TEXTS:
        around = f"{text}\n\n> [!NOTE] {text}\n\n$\\text{{{text}}}$ a[^1]\n\n[^1]: {text}"
        cl.Message(around, author=text.strip()[:100] or None).send()
