"""Read by mypy, never run: what is imported only when an app names it has types too."""

from __future__ import annotations

from typing import assert_type

import chat_profiles as cl

import webapp
from webapp.integrations import ag_ui, mcp

handler = cl.LangchainCallbackHandler(stream_final_answer=True, to_ignore=["Agent"])
assert_type(handler.final_stream, cl.Message | None)
assert_type(handler.has_streamed_final_answer, bool)
handler.answer_reached = True
assert_type(cl.AsyncLangchainCallbackHandler(), webapp.LangchainCallbackHandler)
assert_type(webapp.LlamaIndexCallbackHandler(), cl.LlamaIndexCallbackHandler)
cl.instrument_openai()
cl.LangchainCallbackHandler(to_hide=[])  # type: ignore[call-arg]
assert_type(ag_ui.profile("Researcher", url="https://example.org"), cl.ChatProfile)
ag_ui.profile("Researcher", "https://example.org")  # type: ignore[call-arg]


async def call() -> None:
    async with mcp.connect("files") as tools:
        assert_type(tools, mcp.Tools)
        assert_type([tool.name for tool in tools], list[str])
        assert_type(await tools.call("read", {"path": "x"}), str)
