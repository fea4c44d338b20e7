"""What apps of Chainlit's rely on in passing: results, missing parameters, names."""

from __future__ import annotations

import pytest

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.people import Visitor


@pytest.mark.parametrize(
    "body",
    [
        "assert await cl.Message('a').update() is True",
        "assert await (await cl.Message('a').send()).remove() is True",
        "assert await asyncio.create_task(cl.Message('a').update()) is True",
        "pair = cl.Message('a').update(), cl.Message('b').remove()\n"
        "    assert await asyncio.gather(*pair) == [True, True]",
        "m = cl.Message('a', elements=[cl.Text(content='b', name='c')])\n"
        "    assert await m.update() is True",
        "assert (await asyncio.create_task(cl.Message('a').send())).content == 'a'",
        "assert await message.update() is True",
        "assert await message.remove() is True",
        "assert await cl.Step(name='a').update() is True",
        "assert await (await cl.Step(name='a').send()).remove() is True",
        "assert cl.Message({'a': 1}).content == '{\\n  \"a\": 1\\n}'",
        "assert '```' not in cl.Message({'a': 1}).content",
        "m = cl.Message('a'); m.content = None; assert m.content == ''",
        "assert message.author == 'User'",
        "assert f'{message}' == 'Hello'",
        "assert cl.ErrorMessage('a').to_dict()['isError']",
    ],
)
def test_what_awaited_methods_give(make_app: AppMaker, body: str) -> None:
    app = make_app(
        "import asyncio\nimport webapp as cl\n@cl.on_message\n"
        f"async def answer(message):\n    {body}\n    await cl.Message('fine').send()\n"
    )
    chat = Chat(app).say("Hello")
    assert chat.messages("error") == []
    assert chat.messages()[-1] == "fine"


def test_the_author_of_a_users_message_is_the_identifier(make_app: AppMaker) -> None:
    app = make_app("""
        import webapp as cl
        @cl.password_auth_callback
        def auth(username):
            return cl.User(username, display_name="Ada Lovelace")
        @cl.on_message
        def answer(message):
            cl.Message(message.author).send()
    """)
    chat = Chat.of(Visitor(app).logged_in("ada")).say("Hello")
    assert chat.messages() == ["ada"]


@pytest.mark.parametrize("parameters", ["", "username", "username, password"])
def test_a_password_callback_may_take_less(make_app: AppMaker, parameters: str) -> None:
    app = make_app(f"""
        import webapp as cl
        @cl.password_auth_callback
        async def auth({parameters}):
            return cl.User("ada")
        @cl.author_rename
        def rename():
            return "Somebody"
    """)
    assert Visitor(app).logged_in("ada").get("/").status_code == 200
