"""An agent elsewhere that speaks AG-UI, as a chat profile."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import httpx2
from ag_ui import core

from webapp.authoring.context import running_chat
from webapp.authoring.errors import MisuseError
from webapp.authoring.loading.app_file import Callback
from webapp.authoring.messages.error_message import ErrorMessage
from webapp.authoring.profiles.answering_profile import AnsweringProfile
from webapp.authoring.profiles.profile import ChatProfile
from webapp.authoring.questions.ask_user import AskUserMessage
from webapp.authoring.user_session import user_session
from webapp.integrations.ag_ui.display import RunDisplay
from webapp.integrations.ag_ui.events import MIMETYPE, AgentError, read_events
from webapp.integrations.ag_ui.past_calls import keep_calls, with_calls
from webapp.integrations.consent import SECONDS, ask_consent
from webapp.integrations.values import hide_secrets

STATE_KEY = "ag_ui_state"
CONNECT_SECONDS = 10.0
MOST_RUNS = 20
ERROR_LIMIT = 2_000
CUT_OFF = "The connection to the agent broke off before it had finished. Send your message again."
UNREACHABLE = "The agent cannot be reached at the moment. Send your message again in a while."
Headers = Mapping[str, str] | Callable[[], Mapping[str, str]]

logger = logging.getLogger("webapp")


def profile(
    name: str,
    *,
    url: str,
    headers: Headers | None = None,
    markdown_description: str = "",
    **others: Any,
) -> ChatProfile:
    """Return a chat profile that is answered by an agent elsewhere, which speaks AG-UI.

    Its messages go to the agent, and not to your ``@on_message``, which you need for your other
    profiles only. The agent's messages, tool calls, reasoning and errors are shown as they come.
    Stop ends its run.

    Parameters
    ----------
    name, markdown_description, others:
        As of a `ChatProfile`.
    url:
        Where the agent takes a ``RunAgentInput``. It begins with ``https://`` or ``http://``.
    headers:
        What is sent along, such as a token. A function is called for each run, where
        ``user_session`` says for whom.

    Raises
    ------
    MisuseError
        The address is none, or as for `ChatProfile`.

    Example
    -------
    ::

        from chat_profiles.integrations import ag_ui

        @cl.set_chat_profiles
        def chat_profiles():
            return [ag_ui.profile("Researcher", url="https://agents.example.org/research")]
    """
    if not str(url).startswith(("https://", "http://")):
        raise MisuseError(f"ag_ui.profile {name!r}: url must begin with https:// or http://.")
    agent = Agent(url, headers)
    return AnsweringProfile(
        name=name,
        markdown_description=markdown_description,
        answering=Callback("on_message", agent.answer, 0),
        **others,
    )


class Agent:
    """An agent at an address."""

    def __init__(self, url: str, headers: Headers | None) -> None:
        self._url = url
        self._headers = headers

    async def answer(self) -> None:
        """Let the agent answer the last message of the running chat."""
        resume: list[core.ResumeEntry] | None = None
        chat = running_chat("An agent")
        messages, sent = with_calls(chat.so_far()), dict[str, str]()
        try:
            for _ in range(MOST_RUNS):
                display = RunDisplay(messages, user_session.get(STATE_KEY))
                await self._run(display, resume)
                if display.state is not None:
                    user_session.set(STATE_KEY, display.state)
                sent |= display.sent
                keep_calls(chat.answers, display.messages, sent)
                if display.error is not None:
                    raise AgentError(hide_secrets(display.error)[:ERROR_LIMIT])
                if not display.interrupts:
                    return
                messages = display.messages
                resume = [await _ask(interrupt) for interrupt in display.interrupts]
        except AgentError as error:
            logger.warning("The agent at %s failed: %s", self._url, error, exc_info=error.__cause__)
            ErrorMessage(content=str(error)).send()

    async def _run(self, display: RunDisplay, resume: list[core.ResumeEntry] | None) -> None:
        asked = core.RunAgentInput(
            thread_id=running_chat("An agent").chat_id,
            run_id=str(uuid.uuid4()),
            state=display.state if display.state is not None else {},
            messages=display.messages,
            tools=[],
            context=[],
            forwarded_props={},
            resume=resume,
        )
        given = self._headers() if callable(self._headers) else self._headers
        headers = {**(given or {}), "Accept": MIMETYPE, "Content-Type": "application/json"}
        # What the agent says may take long; the turn has limits of its own.
        timeout = httpx2.Timeout(CONNECT_SECONDS, read=None)
        body = asked.model_dump_json(by_alias=True)
        try:
            async with (
                # Certificates take 20 ms to load. Without TLS there is nothing to verify, and
                # redirects are not followed.
                httpx2.AsyncClient(
                    timeout=timeout, trust_env=False, verify=self._url.startswith("https://")
                ) as client,
                client.stream("POST", self._url, content=body, headers=headers) as response,
            ):
                if response.status_code != 200:
                    raise AgentError(f"The agent refused, with the status {response.status_code}.")
                async for event in read_events(response):
                    display.show(event)
                    if display.has_ended:
                        return
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise AgentError(UNREACHABLE) from error
        except httpx2.HTTPError as error:
            raise AgentError(CUT_OFF) from error
        finally:
            display.close()
        raise AgentError(CUT_OFF)


async def _ask(interrupt: core.Interrupt) -> core.ResumeEntry:
    """Ask the user what the agent wants to know."""
    schema = interrupt.response_schema or {}
    fields = schema.get("properties") or {}
    text = interrupt.message or interrupt.reason
    is_boolean = schema.get("type") == "boolean"
    if interrupt.tool_call_id is not None or "approved" in fields or is_boolean:
        allowed = await ask_consent(text)
        payload: Any = allowed if is_boolean else {"approved": bool(allowed)}
        answered = allowed is not None
    else:
        answer = await AskUserMessage(content=text, timeout=SECONDS).send()
        answered = answer is not None
        payload = _read_answer(answer["output"], schema, fields) if answer is not None else None
    return core.ResumeEntry(
        interrupt_id=interrupt.id,
        status="resolved" if answered else "cancelled",
        payload=payload if answered else None,
    )


def _read_answer(text: str, schema: Mapping[str, Any], fields: Mapping[str, Any]) -> Any:
    kind = schema.get("type")
    if kind in (None, "string"):
        return text
    if kind == "object" and len(fields) == 1:
        [(name, field)] = fields.items()
        return {name: _read_answer(text, field if isinstance(field, dict) else {}, {})}
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
