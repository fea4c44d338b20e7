"""Works in steps. Told to "run", it stays at work until a test lets it end."""

import asyncio
import threading

import webapp as cl

# Lets the work end.
GO_ON = threading.Event()

REASONING = """The user asks for the weather in **two** cities, so I need:

1. the weather in Bern
2. the weather in Rome

Then I compare them."""


@cl.step(type="tool", name="Weather")
async def get_weather(city: str) -> dict[str, object]:
    async with cl.Step(name="Look into the cache", type="retrieval", language="sql") as step:
        step.input = "the key of the city"
        step.output = f"SELECT degrees FROM weather WHERE city = '{city}'"
    if city == "Atlantis":
        raise LookupError("a secret of the author")
    return {"city": city, "degrees": 21, "wind": {"from": "west", "strength": 3}}


def dig(levels: int) -> None:
    with cl.Step(name=f"Level {levels}", type="tool", default_open=True) as step:
        step.input = {"a": "word " * 20}
        if levels > 1:
            dig(levels - 1)
        step.output = "It goes on and on, " * 5


@cl.on_chat_start
async def start() -> None:
    async with cl.Step(name="Get ready"):
        pass


@cl.on_message
async def answer(message: cl.Message) -> None:
    if message.content == "dig":
        dig(9)
        await cl.Message("That is deep.").send()
        return
    tasks = [cl.Task(f"Ask for the weather in {city}") for city in ("Bern", "Rome", "Atlantis")]
    tasks[0].status = cl.TaskStatus.RUNNING
    task_list = await cl.TaskList(tasks, status="Comparing the weather").send()
    reply = cl.Message()
    async with cl.ReasoningStream(reply) as thinking:
        for word in REASONING.split(" "):
            await thinking.stream_reasoning(f"{word} ")
            await asyncio.sleep(0.005)
    async with cl.Step(name="Compare the weather of several cities", type="run") as step:
        for task, city in zip(tasks, ("Bern", "Rome", "Atlantis"), strict=True):
            try:
                await get_weather(city)
                task.status = cl.TaskStatus.DONE
            except LookupError:
                task.status = cl.TaskStatus.FAILED
            await task_list.update()
        async with cl.Step(name="Write it down", type="llm") as inside:
            await inside.stream_token("It is as warm in Bern ")
            if message.content == "run":
                tasks[2].status = cl.TaskStatus.RUNNING
                await task_list.update()
                while not GO_ON.is_set():
                    await asyncio.sleep(0.02)
            await inside.stream_token("as in Rome.")
        step.output = "Both have 21 degrees."
    task_list.status = "Compared"
    await task_list.update()
    await cl.Message(content="It is **as warm** in Bern as in Rome: 21 degrees.").send()
