"""The test kit with apps that ask and act: buttons and questions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.chats import Talk
from webapp.testing import ChatTester, ChatTestError, RefusedError

BUTTONS = """
import chat_profiles as cl

@cl.on_message
def answer():
    actions = [
        cl.Action("approve", {"order": 17}, label="Approve it", tooltip="At once"),
        cl.Action("refuse", {"order": 17}),
    ]
    cl.Message("Shall I?", actions=actions).send()

@cl.action_callback("approve")
async def approve(action: cl.Action):
    await action.remove()
    await cl.Message(f"Order {action.payload['order']} is approved").send()

@cl.action_callback("refuse")
def refuse():
    raise PermissionError("not you")
"""
QUESTIONS = """
import chat_profiles as cl

@cl.on_message
{way}def answer(message: cl.Message):
    given = {wait}cl.AskUserMessage("What is your name?", timeout={timeout}).send()
    name = given["output"] if given else "nobody"
    {wait}cl.Message(f"Hello, {{name}}").send()
"""


def asking(talk: Talk, way: str = "async def", timeout: float = 60) -> ChatTester:
    way, wait = ("async ", "await ") if way == "async def" else ("", "")
    return talk(QUESTIONS.format(way=way, wait=wait, timeout=timeout))


def test_a_button_is_shown_and_pressed(talk: Talk) -> None:
    chat = talk(BUTTONS)
    answer = chat.say("hi")
    approve, refuse = answer.actions
    assert (approve.name, approve.label, approve.tooltip) == ("approve", "Approve it", "At once")
    assert (refuse.label, refuse.payload) == ("refuse", {"order": 17})
    assert chat.click("Approve it").text == "Order 17 is approved"
    assert [action.name for action in chat.messages[1].actions] == ["refuse"]
    # Gone from the chat, whatever a test has kept of it.
    with pytest.raises(RefusedError):
        chat.click(approve)


def test_what_the_callback_of_a_button_raises_is_raised(talk: Talk) -> None:
    chat = talk(BUTTONS)
    chat.say("hi")
    with pytest.raises(PermissionError, match="not you"):
        chat.click("refuse")
    assert isinstance(chat.click("refuse", raises=False).failure, PermissionError)


def test_a_button_that_is_not_there_is_told_with_those_that_are(talk: Talk) -> None:
    chat = talk(BUTTONS)
    chat.say("hi")
    with pytest.raises(ChatTestError, match=r"no button 'reject'. The buttons are: approve, ref"):
        chat.click("reject")


@pytest.mark.parametrize("way", ["def", "async def"])
def test_say_returns_with_the_open_question(talk: Talk, way: str) -> None:
    chat = asking(talk, way)
    asked = chat.say("hi")
    assert asked.status == "running"
    question = asked.question
    assert question is not None
    assert (question.kind, question.text, question.status) == ("user", "What is your name?", "open")
    answer = chat.answer("Ada") if way == "def" else chat.answer(question, "Ada")
    assert (answer.text, answer.status, answer.question) == ("Hello, Ada", "complete", None)
    assert [(m.kind, m.content) for m in chat.messages] == [
        ("user", "hi"),
        ("assistant", "What is your name?"),
        ("user", "Ada"),
        ("assistant", "Hello, Ada"),
    ]
    assert "[question: user, answered]" in chat.transcript()


def test_a_text_from_the_composer_is_the_answer_too(talk: Talk) -> None:
    chat = asking(talk)
    chat.say("hi")
    assert chat.say("Grace").text == "Hello, Grace"


def test_a_question_runs_out_of_time(talk: Talk) -> None:
    chat = asking(talk)
    chat.say("hi")
    answer = chat.time_out()
    assert answer.text == "What is your name?\n\nHello, nobody"
    assert [message.question and message.question.status for message in answer.messages] == [
        "timed-out",
        None,
    ]
    with pytest.raises(ChatTestError, match="No question is open"):
        chat.time_out()


def test_a_question_is_stopped(talk: Talk) -> None:
    chat = asking(talk)
    chat.say("hi")
    stopped = chat.stop()
    assert stopped.status == "stopped"
    [asked] = stopped.messages
    assert asked.question
    assert asked.question.status == "stopped"
    with pytest.raises(ChatTestError, match="No question is open"):
        chat.answer("Ada")


def test_without_a_question_there_is_nothing_to_answer(talk: Talk) -> None:
    chat = talk(BUTTONS)
    with pytest.raises(ChatTestError, match="No question is open"):
        chat.answer("Ada")


CHOICES = """
from pathlib import Path
import chat_profiles as cl

@cl.on_message
async def answer(message: cl.Message):
    chosen = await cl.AskActionMessage(
        "Go on?",
        actions=[
            cl.Action("yes", {"value": 1}, label="Yes, do"),
            cl.Action("no", {"value": 0}),
        ],
    ).send()
    files = await cl.AskFileMessage("Which texts?", accept=["text/plain"], max_files=2).send()
    read = [f"{file.name}: {Path(file.path).read_text()}" for file in files]
    await cl.Message(f"{chosen['name']} {read}").send()
"""


def test_a_question_is_answered_with_a_button_and_with_files(talk: Talk, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    chat = talk(CHOICES)
    asked = chat.say("hi").question
    assert asked is not None
    assert (asked.kind, asked.text) == ("action", "Go on?")
    assert [action.label for action in asked.actions] == ["Yes, do", "no"]
    with pytest.raises(ChatTestError, match="The buttons are: yes, no"):
        chat.answer("perhaps")
    asked = chat.click("no").question
    assert asked is not None
    assert (asked.kind, asked.details["max_files"]) == ("file", 2)
    with pytest.raises(RefusedError, match=r"b\.png"):
        chat.upload(("b.png", b"\x89PNG\r\n\x1a\n"))
    assert chat.question == asked
    with pytest.raises(RefusedError) as refused:
        chat.answer(asked, [])
    assert refused.value.status == 422
    answer = chat.upload(tmp_path / "a.txt", ("b.txt", b"two"))
    assert answer.text == "no ['a.txt: one', 'b.txt: two']"


@pytest.mark.parametrize("given", ["yes", "Yes, do", "object"])
def test_buttons_and_files_are_answers_too(talk: Talk, tmp_path: Path, given: str) -> None:
    (tmp_path / "a.txt").write_text("one")
    chat = talk(CHOICES)
    asked = chat.say("hi")
    chat.answer(asked.actions[0] if given == "object" else given)
    assert chat.answer(tmp_path / "a.txt").text == "yes ['a.txt: one']"


def test_a_question_at_the_start_of_a_chat_is_answered(talk: Talk) -> None:
    chat = talk("""
import chat_profiles as cl

@cl.on_chat_start
async def start():
    given = await cl.AskUserMessage("Who are you?").send()
    cl.user_session.set("name", given["output"])
    await cl.Message(f"Welcome, {given['output']}").send()

@cl.on_message
async def answer(message: cl.Message):
    await cl.Message(f"{cl.user_session.get('name')}: {message.content}").send()
""")
    asked = chat.start().question
    assert asked is not None
    assert asked.text == "Who are you?"
    assert chat.answer("Ada").text == "Welcome, Ada"
    assert chat.say("hi").text == "Ada: hi"


FORM = """
import chat_profiles as cl

@cl.on_message
async def answer():
    ticket = cl.CustomElement(name="Ticket", props={"id": 7})
    await cl.Message("Your ticket", elements=[ticket]).send()

@cl.action_callback("save")
async def save(action: cl.Action):
    await cl.Message(str(action.payload)).send()
"""
TICKET = """
<form {{ action("save", {"ticket": props.id}) }}>
  <input name="title" required>
  <label><input type="checkbox" name="tags" value="a">A</label>
  <label><input type="checkbox" name="tags" value="b">B</label>
  <button>Save</button>
</form>
"""


def test_the_form_of_a_custom_element_is_filled_in_and_sent(talk: Talk, tmp_path: Path) -> None:
    (tmp_path / "elements").mkdir()
    (tmp_path / "elements" / "Ticket.html").write_text(TICKET)
    chat = talk(FORM)
    answer = chat.say("hi")
    assert answer.elements[0].props == {"id": 7}
    assert [action.name for action in answer.actions] == ["save"]
    saved = chat.click("save", fields={"title": "A lamp", "tags": ["a", "b"]})
    assert saved.text == "{'ticket': 7, 'form': {'title': 'A lamp', 'tags': ['a', 'b']}}"
    with pytest.raises(RefusedError):
        chat.click("save", fields={"title": "A lamp", "tags": ["c"]})


ASKED_FORM = """
import chat_profiles as cl

@cl.on_message
async def answer():
    form = cl.CustomElement(name="Order", props={"sizes": ["S", "M"]})
    given = await cl.AskElementMessage("What do you want?", element=form).send()
    await cl.Message(f"{given}").send()
"""
ORDER = """
<input name="name" required>
<select name="size">{% for size in props.sizes %}<option>{{ size }}</option>{% endfor %}</select>
"""


def test_a_question_is_answered_in_a_form(talk: Talk, tmp_path: Path) -> None:
    (tmp_path / "elements").mkdir()
    (tmp_path / "elements" / "Order.html").write_text(ORDER)
    chat = talk(ASKED_FORM)
    asked = chat.say("hi").question
    assert asked is not None
    assert asked.kind == "element"
    assert [field["name"] for field in asked.details["fields"]] == ["name", "size"]
    with pytest.raises(RefusedError):
        chat.answer({"name": "A shirt", "size": "XL"})
    told = chat.answer({"name": "A shirt", "size": "M"}).text
    assert told == "{'name': 'A shirt', 'size': 'M', 'submitted': True}"
    chat.say("again")
    assert chat.answer({"submitted": False}).text == "{'submitted': False}"


def test_a_question_can_be_changed_and_taken_away_once_it_is_answered(talk: Talk) -> None:
    chat = talk(
        """
import chat_profiles as cl

@cl.on_chat_start
async def main():
    asked = cl.AskUserMessage("Which?")
    given = await asked.send()
    asked.content = "Which one?"
    assert await asked.update() is True
    if given["output"] == "none":
        assert await asked.remove() is True
"""
    )
    chat.start()
    chat.say("this")
    assert [message.content for message in chat.messages] == ["Which one?", "this"]
    chat.start()
    chat.say("none")
    assert [message.content for message in chat.messages] == ["none"]
