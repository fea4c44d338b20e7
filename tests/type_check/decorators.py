"""Read by mypy, never run: decorators give back the type they took, and refuse what cannot work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, assert_type

import webapp as cl
from webapp.config import ChainlitConfigOverrides, UISettings


@cl.set_chat_profiles
def none() -> list[cl.ChatProfile]:
    return []


@cl.set_chat_profiles
def one(current_user: cl.User | None) -> list[cl.ChatProfile] | None:
    return None


@cl.set_chat_profiles
async def two(current_user: cl.User, language: str) -> tuple[cl.ChatProfile, ...]:
    return ()


@cl.on_chat_start
def start() -> None: ...


@cl.on_chat_start
async def start_async() -> str:
    await cl.Message(content="x", author="y").send()
    return "anything"


@cl.on_chat_resume
async def resume(chat: cl.ResumedChat) -> None:
    assert_type(chat.title, str | None)
    assert_type(chat.messages[0].content, str)


@cl.on_chat_resume
def resume_without_parameter() -> None: ...


@cl.on_feedback
async def rated(feedback: cl.Feedback) -> None:
    assert_type(feedback.user, cl.User | None)
    assert_type(feedback.comment, str)


@cl.on_feedback
def rated_without_parameter() -> None: ...


@cl.on_chat_end
async def ended() -> None: ...


@cl.step
def work(count: int) -> str:
    with cl.Step(name="a", type="tool") as inner:
        inner.input, inner.output = {"a": 1}, count
        assert_type(inner.output, str)
    assert_type(cl.context.current_step, cl.Step)
    return "done"


@cl.step(type="tool", name="Work", show_input=False)
async def work_async(count: int, *, name: str = "") -> list[str]:
    async with cl.Step() as inner:
        await inner.stream_token("a")
    return [name]


@cl.step
def words() -> Iterator[str]:
    yield "a"


async def use_steps() -> None:
    assert_type(work(1), str)
    assert_type(await work_async(1, name="a"), list[str])
    assert_type(words(), Iterator[str])
    tasks = cl.TaskList([cl.Task("a", cl.TaskStatus.RUNNING)])
    assert_type(await tasks.send(), cl.TaskList)
    work("a")  # type: ignore[arg-type]


@cl.password_auth_callback
def auth(username: str, password: str) -> cl.User | None:
    return cl.User(identifier=username, metadata={"role": "ADMIN"})


@cl.password_auth_callback
async def auth_async(username: str, password: str) -> cl.User:
    return cl.User(username)


@cl.header_auth_callback
def by_headers(headers: Mapping[str, str]) -> cl.User | None:
    return cl.User(headers["X-Forwarded-User"])


@cl.header_auth_callback
async def by_dict(headers: dict[str, str]) -> cl.User | None:
    return None


@cl.on_shared_chat_view
def may_read(chat: cl.SharedChat, viewer: cl.User | None) -> bool:
    return chat.owner is not None and viewer is not None


@cl.on_shared_chat_view
async def anybody() -> bool:
    return True


assert_type(may_read(cl.SharedChat("1", None, None, None), None), bool)
assert_type(none(), list[cl.ChatProfile])
assert_type(one(None), list[cl.ChatProfile] | None)
assert_type(start(), None)
assert_type(auth("a", "b"), cl.User | None)
assert_type(by_headers({"a": "b"}), cl.User | None)
assert_type(cl.password_auth_callback(cl.seeded_user)("a", "b"), cl.User | None)
assert_type(cl.Message("x").send(), cl.Message)


async def awaited() -> None:
    assert_type(await two(cl.User("x"), "fr"), tuple[cl.ChatProfile, ...])
    assert_type(await start_async(), str)
    assert_type(await auth_async("a", "b"), cl.User)
    assert_type(await cl.Message("x").send(), cl.Message)
    cl.switch_profile("x")
    await cl.switch_profile("x")


# Each of these is an error; without one, mypy calls the comment useless and the test fails.
@cl.on_chat_start  # type: ignore[type-var]
def start_with_parameter(user: cl.User) -> None: ...


@cl.on_feedback  # type: ignore[type-var]
def rated_by(feedback: cl.Feedback, user: cl.User) -> None: ...


@cl.on_chat_resume  # type: ignore[type-var]
def resume_of_a_thread(chat: dict[str, object]) -> None: ...


@cl.on_shared_chat_view  # type: ignore[type-var]
def no_yes_or_no(chat: cl.SharedChat) -> str:
    return "yes"


@cl.set_chat_profiles  # type: ignore[type-var]
def wrong_list() -> list[str]:
    return []


@cl.password_auth_callback  # type: ignore[type-var]
def wrong_answer(username: str, password: str) -> bool:
    return True


@cl.header_auth_callback  # type: ignore[type-var]
def wrong_headers(headers: Mapping[str, str]) -> str:
    return ""


@cl.password_auth_callback
def fewer(username: str) -> cl.User | None:
    return None


cl.ChatProfile(name=1, markdown_description="x")  # type: ignore[arg-type]
cl.ChatProfile("x", "", keep_days="7")  # type: ignore[arg-type]
rated(cl.Message("x"))  # type: ignore[arg-type, unused-coroutine]
cl.ChatProfile(name="x")  # type: ignore[call-arg]
cl.on_mesage()  # type: ignore[attr-defined]
cl.Message("x").stream_token(1)  # type: ignore[arg-type]
cl.Message("x", elements=["y"])  # type: ignore[list-item]
cl.switch_profile(cl.ChatProfile("x", ""))  # type: ignore[arg-type]
cl.set_profile_switching(True)  # type: ignore[arg-type]
cl.on_chat_start()  # type: ignore[call-arg]


@cl.on_message
async def show(message: cl.Message) -> None:
    picture = cl.Image(name="a", content=b"", size="small", display="side")
    them = [picture, cl.Text(content="b", language="sql"), cl.Pdf(path="c.pdf", page=2)]
    sent = await cl.Message("c", elements=them, tags=["d"], metadata={"e": 1}).send()
    assert_type(sent, cl.Message)
    assert_type(await picture.send(for_id=sent.id), cl.Image)
    assert_type(await message.update(), bool)
    assert_type(await message.remove(), bool)
    assert_type(message.created_at, str | None)
    await cl.ElementSidebar.set_elements(them, key="f")
    cl.Image(content=b"", size="huge")  # type: ignore[arg-type]
    cl.Video(content=b"", wide=True)  # type: ignore[call-arg]


@cl.set_starter_categories
async def categories(
    current_user: cl.User | None, language: str, chat_profile: str | None
) -> list[cl.StarterCategory]:
    plan = cl.Starter("Plan a trip", "Help me plan it.", "plan", "/public/plane.svg")
    return [cl.StarterCategory("Travel", None, [plan])]


@cl.set_chat_profiles
def overriding() -> list[cl.ChatProfile]:
    overrides = ChainlitConfigOverrides(ui=UISettings(name="Desk"))
    return [cl.ChatProfile("a", "b", None, None, False, None, overrides, keep_days=3)]


@cl.action_callback("plain")
def plain() -> None: ...


@cl.action_callback("pressed")
async def pressed(action: cl.Action) -> str:
    assert_type(action.payload["a"], Any)
    assert_type(action.for_id, str | None)
    assert_type(await action.remove(), cl.Action)
    return "anything"


async def with_buttons() -> None:
    await cl.Message("a", actions=[cl.Action("plain", {"a": 1}, label="Plain")]).send()
    await pressed(cl.Action(name="pressed", payload={}))
    cl.action_callback(plain)  # type: ignore[arg-type]
