"""An app file whose functions run in other processes, which import the file to find them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.conversation import wait_until
from tests.support.servers import PATIENCE, chat_profiles_run
from tests.support.wire import RemoteVisitor

pytestmark = pytest.mark.slow

APP = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import webapp as cl

METHOD = "{method}"
context = multiprocessing.get_context(METHOD)
if METHOD == "forkserver":
    context.set_forkserver_preload(["pooled"])
READY = False


def get_ready():
    global READY
    READY = True


def square(number):
    return f"{{number * number}} {{READY}} {{METHOD}}"


def put_square(queue, number):
    queue.put(square(number))


@cl.set_chat_profiles
def profiles():
    return [cl.ChatProfile(name="Maths", markdown_description="It counts.")]


@cl.set_starters
def starters():
    return []


@cl.on_chat_start
def start():
    with ProcessPoolExecutor(1, mp_context=context, initializer=get_ready) as pool:
        cl.Message(content=f"pool: {{pool.submit(square, 12).result()}}").send()
    queue = context.Queue()
    process = context.Process(target=put_square, args=(queue, 13))
    process.start()
    cl.Message(content=f"process: {{queue.get()}}").send()
    process.join()


@cl.on_message
async def answer(message: cl.Message):
    pass


cl.set_profile_switching("continue")

"""


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_function_of_the_app_file_runs_in_a_pool(tmp_path: Path, method: str) -> None:
    app_file = tmp_path / "pooled.py"
    app_file.write_text(APP.format(method=method))
    # Each new process imports the file and the framework, which a busy machine takes its time for.
    patient = {"WEBAPP_CHAT_START_SECONDS": "300"}
    with chat_profiles_run(tmp_path, app_file, **patient) as server:
        visitor = RemoteVisitor(server.port)
        chat = f"/chats/{visitor.start_chat('Maths').chat_id}"
        wait_until(lambda: "process: " in visitor.get(chat).text, 2 * PATIENCE, pause=0.2)
        page = visitor.get(chat).text
        assert f"pool: 144 True {method}" in page, server.log
        assert f"process: 169 False {method}" in page, server.log
    assert "Traceback" not in server.log
