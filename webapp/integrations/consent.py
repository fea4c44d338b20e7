"""Asking the user of a chat for consent."""

from __future__ import annotations

from webapp.authoring.actions.action import Action
from webapp.authoring.questions.ask_action import AskActionMessage

SECONDS = 300.0
ALLOW, REFUSE = "Allow", "Do not allow"


async def ask_consent(text: str) -> bool | None:
    """Return whether the user allows something; ``None`` if no answer came in time."""
    question = AskActionMessage(
        content=text,
        actions=[
            Action(name="allow", payload={}, label=ALLOW),
            Action(name="refuse", payload={}, label=REFUSE),
        ],
        timeout=SECONDS,
    )
    answer = await question.send()
    # What was allowed stays to be read.
    told = "No answer came in time." if answer is None else answer["label"]
    question.content = f"{text}\n\n**{told}**"
    question.update()
    return None if answer is None else answer["name"] == "allow"
