"""A process that stores chats through the app's own rules: `python -m tests.support.writer 150`.

Prints the number of errors. Its settings come from the environment.
"""

from __future__ import annotations

import sys
import uuid

from sqlalchemy.exc import DBAPIError

from webapp import create_app
from webapp.authoring.context import ChatContext
from webapp.authoring.draft import MessageTarget
from webapp.authoring.loading.app_file import ChatApp
from webapp.database.engines import utc_now
from webapp.engine.turn import RunningTurn
from webapp.engine.work import Limits, TurnSpec, Work
from webapp.turns.start_rows import StartRequest, store_started_chat


def main(count: int) -> int:
    """Store ``count`` chats, each by another visitor, and return how many failed."""
    errors = 0
    with create_app().test_request_context("/"):
        for number in range(count):
            session_id = uuid.uuid4()
            request = StartRequest(
                owner=f"session:{session_id}",
                session_id=session_id,
                began_at=utc_now(),
                most_turns=5,
            )
            try:
                store_started_chat(_said(request.owner, f"number {number}"), request)
            except DBAPIError:
                errors += 1
    return errors


def _said(owner: str, text: str) -> RunningTurn:
    """Return a turn that has ended, and said something."""
    context = ChatContext(chat_id=str(uuid.uuid4()), user=None, chat_profile="GPT-4")
    work = Work(decorator="on_chat_start", limits=Limits(1.0, 1.0), explain=str, log=print)
    spec = TurnSpec(id=uuid.uuid4(), owner=owner, profile=None)
    turn = RunningTurn(ChatApp(name="writer"), context, work, spec)
    turn.chat.transcript.send("send", MessageTarget(None, sent=False), text, None)
    turn.begin()
    return turn


if __name__ == "__main__":
    sys.stdout.write(f"errors={main(int(sys.argv[1]))}\n")
