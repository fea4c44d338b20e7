"""The command `chat-profiles`, as `python -m webapp` and `python -m chat_profiles`."""

import runpy

runpy.run_module("webapp.cli", run_name="__main__", alter_sys=True)
