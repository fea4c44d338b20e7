"""Names that an app file uses and that do not exist, with what to use instead.

Chainlit has many names that this version does not have. If you move an app over, the error tells
you what is missing and what to use, not only that an attribute was not found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

NO_QUESTIONS = "an app cannot ask back or offer buttons yet"
NO_OTHER_LOGIN = "users sign in with a password (password_auth_callback)"
NO_AUDIO = "an app cannot listen or speak yet"

_GROUPS = {
    "a chat has no settings yet": "on_settings_update on_settings_edit",
    "use on_shared_chat_view instead; it is given a SharedChat": "on_shared_thread_view",
    "use chat_history() instead": "chat_context",
    "nothing is run when the site starts or ends; put it at the top of the app file": (
        "on_app_startup on_app_shutdown"
    ),
    "starters have no categories; use set_starters": "set_starter_categories",
    NO_OTHER_LOGIN: "header_auth_callback oauth_callback PersistedUser",
    "an author is a name and its first letter; use Message(author=...)": "Avatar",
    "use an element, such as Text or CustomElement": "Component",
    NO_QUESTIONS: (
        "Action action_callback AskUserMessage AskActionMessage AskFileMessage AskElementMessage "
        "ChatSettings CopilotFunction"
    ),
    NO_AUDIO: "on_audio_start on_audio_chunk on_audio_end InputAudioChunk OutputAudioChunk",
    "chats are stored already; WEBAPP_DATABASE_URL says where": "data_layer",
    "no other window or server can be talked to yet": (
        "on_window_message send_window_message on_mcp_connect on_mcp_disconnect "
        "on_slack_reaction_added"
    ),
    "this library is not watched; make a Step yourself": (
        "HaystackAgentCallbackHandler instrument_mistralai SemanticKernelFilter ChatGeneration "
        "CompletionGeneration GenerationMessage"
    ),
}
NOT_YET = {name: instead for instead, names in _GROUPS.items() for name in names.split()}

_MESSAGE_GROUPS = {
    "use stream_token(), and send() or update() at the end": "streaming is_streaming",
    NO_QUESTIONS: "actions",
    "a failure is shown when a callback raises; send an ordinary Message": "is_error",
    "what cannot be stored ends the turn, and its user is told": (
        "fail_on_persist_error persisted"
    ),
    "an app cannot ask back yet": "wait_for_answer",
}
MESSAGE_NOT_YET = {
    name: instead for instead, names in _MESSAGE_GROUPS.items() for name in names.split()
}

STEP_NOT_YET = {
    "to_dict": "read its attributes",
    "from_dict": "make a new Step",
    "persisted": "a step is stored by itself",
    "fail_on_persist_error": "a step is stored by itself",
}
CONTEXT_NOT_YET = {
    "emitter": "send a Message or a Step",
    "loop": "use asyncio.get_running_loop() in an async def",
}
SESSION_NOT_YET = {
    "user_env": "put keys into the environment of the server",
    "chat_settings": "a chat has no settings yet",
    "files": "what a user attaches is not kept with the session",
    "to_persistable": "use user_session",
    "emit": "send a Message",
    "mcp_sessions": "no other server can be talked to yet",
    "language": "take it in set_chat_profiles, and keep it in user_session",
}

_FEEDBACK_GROUPS = {
    "use message_id": "forId for_id id",
    "use chat_id": "threadId thread_id",
    'use value, which is "up", "down" or "none"': "score rating strategy",
}
FEEDBACK_NOT_YET = {
    name: instead for instead, names in _FEEDBACK_GROUPS.items() for name in names.split()
}


def missing_name(
    owner: str, name: str, present: Iterable[str], not_yet: Mapping[str, str]
) -> AttributeError:
    """Return the error for a name that ``owner`` does not have.

    Parameters
    ----------
    owner:
        The module or class as the author writes it: ``webapp`` or ``Message``.
    name:
        The missing name. Names that Python looks up by itself get Python's own message.
    present:
        The names that exist, for a hint at a misspelling.
    not_yet:
        Names that Chainlit has, each with what to use instead.
    """
    if name.startswith("__"):
        return AttributeError(f"{owner} has no attribute {name!r}")
    similar = get_close_matches(name, list(present), 1)
    if name in not_yet:
        hint = f" in this version: {not_yet[name]}; see docs/authoring.md"
    elif similar:
        hint = f"; did you mean {similar[0]}?"
    else:
        hint = "; docs/authoring.md lists the names that do"
    return AttributeError(f"{owner}.{name} does not exist{hint}")
