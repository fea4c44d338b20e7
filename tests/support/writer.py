"""A process that stores chats through the app's own rules: `python -m tests.support.writer 150`.

Prints the number of errors. Its settings come from the environment.
"""

from __future__ import annotations

import sys
import uuid

from sqlalchemy.exc import DBAPIError

from webapp import create_app
from webapp.authoring.context import ChatContext, Sent
from webapp.chats.store import Beginning, store_started_chat
from webapp.database import utc_now
from webapp.engine.turns import Turn


def main(count: int) -> int:
    """Store ``count`` chats, each by another visitor, and return how many failed."""
    errors = 0
    with create_app().app_context():
        for number in range(count):
            session_id = uuid.uuid4()
            context = ChatContext(str(uuid.uuid4()), None, "GPT-4")
            beginning = Beginning(f"session:{session_id}", session_id, utc_now())
            turn = Turn([Sent(f"number {number}", None)])
            try:
                store_started_chat(context, turn, beginning, "")
            except DBAPIError:
                errors += 1
    return errors


if __name__ == "__main__":
    sys.stdout.write(f"errors={main(int(sys.argv[1]))}\n")
