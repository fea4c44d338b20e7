"""A test kit for authors: talk with your app in a test, as a user with a browser does.

Example
-------
::

    from chat_profiles.testing import ChatTester

    def test_capitals() -> None:
        with ChatTester("app.py") as chat:
            assert "Lima" in chat.say("What is the capital of Peru?")
"""

from webapp.testing.answers import (
    Answer,
    ShownAction,
    ShownElement,
    ShownMessage,
    ShownQuestion,
    ShownStep,
    ShownTask,
)
from webapp.testing.chat_tester import ChatTester, OfferedProfile, PastChat
from webapp.testing.failures import ChatTestError, ChatTimeoutError, RefusedError
from webapp.testing.fake_model import FakeModel, ModelError, ModelRequest, ToolCall
from webapp.testing.site_visitor import WaitOptions

__all__ = [
    "Answer",
    "ChatTestError",
    "ChatTester",
    "ChatTimeoutError",
    "FakeModel",
    "ModelError",
    "ModelRequest",
    "OfferedProfile",
    "PastChat",
    "RefusedError",
    "ShownAction",
    "ShownElement",
    "ShownMessage",
    "ShownQuestion",
    "ShownStep",
    "ShownTask",
    "ToolCall",
    "WaitOptions",
]
