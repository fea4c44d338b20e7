"""An assistant that shows its work: what it looks up, how far it is, and what failed on the way.

What it teaches: `@step` shows each call of a function, and `Step` shows a part of one. A step that
begins within another is shown inside it, also in tasks that run at once. A `TaskList` says how far
the whole is. An error that you catch outside its step marks the step as failed, and the answer goes
on. Each profile chooses which steps its users see.

Start it with:  chat-profiles run examples/steps.py
"""

import asyncio

import chat_profiles as cl

SHELVES = {
    "travel": "Bring water, a map and time.",
    "cooking": "Salt early, taste often.",
    "repairs": "",
}


@cl.set_chat_profiles
async def chat_profiles() -> list[cl.ChatProfile]:
    return [
        cl.ChatProfile(name="Open", markdown_description="You see **every step**."),
        cl.ChatProfile(name="Tools", markdown_description="You see the *tools*.", cot="tool_call"),
        cl.ChatProfile(name="Quiet", markdown_description="You see the answer.", cot="hidden"),
    ]


@cl.step(type="tool", name="Look at a shelf")
async def look_at(shelf: str) -> str:
    await asyncio.sleep(0.5)  # stands for a call to another service
    if not SHELVES[shelf]:
        raise LookupError(f"the shelf {shelf} is empty")
    return SHELVES[shelf]


async def look_and_note(task: cl.Task, task_list: cl.TaskList, shelf: str) -> str:
    task.status = cl.TaskStatus.RUNNING
    await task_list.update()
    try:
        found = await look_at(shelf)
    except LookupError:
        task.status, found = cl.TaskStatus.FAILED, ""
    else:
        task.status = cl.TaskStatus.DONE
    await task_list.update()
    return found


@cl.on_chat_start
async def start() -> None:
    await cl.Message(content="What shall I look up for you?").send()


@cl.on_message
async def answer(message: cl.Message) -> None:
    tasks = [cl.Task(title=f"Look up {shelf}") for shelf in SHELVES]
    task_list = await cl.TaskList(tasks, status="Looking...").send()

    async with cl.Step(name="Search the library", type="retrieval") as search:
        search.input = message.content
        work = map(look_and_note, tasks, [task_list] * len(tasks), SHELVES)
        found = [text for text in await asyncio.gather(*work) if text]
        search.output = f"{len(found)} of {len(SHELVES)} shelves had something."

    task_list.status = "Done"
    await task_list.update()
    await cl.Message(content="\n".join(f"- {text}" for text in found)).send()
