"""`chat_context`: the messages of the running chat, which an app can add to and clear."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, TypeVar, cast

from webapp.authoring.chat_message import USER
from webapp.authoring.context import ChatContext, running_chat
from webapp.authoring.messages.message import ASSISTANT_MESSAGE, USER_MESSAGE, Message

if TYPE_CHECKING:
    from webapp.authoring.chat_history import ExpectedMessage

MessageT = TypeVar("MessageT", bound=Message)

# The chat's own value that says what an app has changed.
CONTEXT_KEY = "chat_profiles.context"
ROLES = {USER_MESSAGE: "user", ASSISTANT_MESSAGE: "assistant"}
# How many of the last messages before `clear` are known. Some of them may be removed later.
CLEARED_IDS = 10


class RunningConversation:
    """The messages of the running chat, oldest first, for a language model.

    They are those of `chat_history`, with what your app has added, removed and cleared. That is
    stored with the chat, and changes nothing of what users see.

    Example
    -------
    ::

        @cl.on_message
        async def answer():
            stream = await client.chat.completions.create(
                model="...", messages=cl.chat_context.to_openai(), stream=True
            )
    """

    def get(self) -> list[Message]:
        """Return the messages, up to 1,000.

        Raises
        ------
        MisuseError
            The call is not in a callback that runs in a chat.
        """
        return _conversation(running_chat("chat_context.get()"))

    def add(self, message: MessageT) -> MessageT:
        """Add a message to the conversation, at its end, and return it. It need not be sent.

        Raises
        ------
        MisuseError
            As for `get`.
        """
        chat = running_chat("chat_context.add()")
        state, said = _state(chat), [str(each[0]) for each in chat.so_far() if each[2]]
        if message.id in state["removed"]:
            state["removed"].remove(message.id)
        elif message.id not in (*said, *(each["id"] for each in state["added"])):
            new = {"id": message.id, "type": message.type, "content": message.content}
            state["added"].append({**new, "after": said[-1] if said else ""})
        chat.values.set(CONTEXT_KEY, state)
        return message

    def remove(self, message: Message) -> bool:
        """Take a message out of the conversation; return whether it was there.

        Raises
        ------
        MisuseError
            As for `get`.
        """
        chat = running_chat("chat_context.remove()")
        if all(each.id != message.id for each in _conversation(chat)):
            return False
        state = _state(chat)
        added = [each for each in state["added"] if each["id"] != message.id]
        if len(added) == len(state["added"]):
            state["removed"].append(message.id)
        state["added"] = added
        chat.values.set(CONTEXT_KEY, state)
        return True

    def clear(self) -> None:
        """Forget all messages so far.

        Raises
        ------
        MisuseError
            As for `get`.
        """
        chat = running_chat("chat_context.clear()")
        said = [str(each[0]) for each in chat.so_far() if each[2]]
        chat.values.set(CONTEXT_KEY, {"cleared": said[-CLEARED_IDS:], "removed": [], "added": []})

    def to_openai(self) -> list[ExpectedMessage]:
        """Return the messages as the clients of OpenAI and others take them.

        Returns
        -------
        A list of ``{"role": "user", "assistant" or "system", "content": text}``. A type checker
        takes it for a list of the messages of your client.

        Raises
        ------
        MisuseError
            As for `get`.
        """
        messages = [
            {"role": ROLES.get(message.type, "system"), "content": message.content}
            for message in _conversation(running_chat("chat_context.to_openai()"))
        ]
        return cast("list[ExpectedMessage]", messages)


def _conversation(chat: ChatContext) -> list[Message]:
    state = _state(chat)
    said = [
        (str(key), USER_MESSAGE if role == USER else ASSISTANT_MESSAGE, text)
        for key, role, text in chat.so_far()
        if text
    ]
    cleared = [place for place, each in enumerate(said) if each[0] in state["cleared"]]
    said = said[cleared[-1] + 1 :] if cleared else said

    ids = {each[0] for each in said}
    added = [each for each in state["added"] if each["id"] not in ids]
    found = [
        _message(chat, each["id"], each["type"], each["content"])
        for each in added
        if each["after"] not in ids
    ]
    for key, kind, text in said:
        if key not in state["removed"]:
            found.append(_message(chat, key, kind, text))
        found += [
            _message(chat, each["id"], each["type"], each["content"])
            for each in added
            if each["after"] == key
        ]
    return found


def _state(chat: ChatContext) -> dict[str, Any]:
    found = chat.values.get(CONTEXT_KEY, None) or {}
    return {name: list(found.get(name, ())) for name in ("cleared", "removed", "added")}


def _message(chat: ChatContext, key: str, kind: str, text: str) -> Message:
    message = Message(text, type=kind)
    message._id, message._chat_id = uuid.UUID(key), chat.chat_id
    message._from_user = kind == USER_MESSAGE
    return message


chat_context = RunningConversation()
