"""The command `chat-profiles`, as `python -m webapp` and `python -m chat_profiles`."""

from webapp.cli import main

main()
