"""Asking the user of a chat for consent."""

from __future__ import annotations

from webapp.authoring.questions.ask_user import AskUserMessage

SECONDS = 300.0
_YES = frozenset({"yes", "y", "ok", "okay", "ja", "oui", "si", "sí", "approve", "allow"})


async def ask_consent(text: str) -> bool | None:
    """Return whether the user allows something; ``None`` if no answer came in time."""
    question = AskUserMessage(content=f"{text}\n\nAnswer yes or no.", timeout=SECONDS)
    answer = await question.send()
    return None if answer is None else answer["output"].strip().lower().rstrip(".!") in _YES
