"""Names that an app file uses and that do not exist, with what to use instead.

Chainlit has many names that this version does not have. If you move an app over, the error tells
you what is missing and what to use, not only that an attribute was not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

NO_OTHER_LOGIN = "use password_auth_callback, or header_auth_callback behind a proxy"
NO_AUDIO = "an app cannot listen or speak yet"
NOT_WATCHED = "this library is not watched; make a Step yourself"
STORED = (
    "chats are stored already, so leave it out; WEBAPP_DATABASE_URL says where, and "
    "`chat-profiles import-chainlit` takes over the earlier ones"
)

# Names of the package. One on a line, so that two branches can each take their own away.
NOT_YET = {
    # Other sites.
    "CopilotFunction": "there is no widget for other sites; embed the chat in a frame",
    # Sign-in.
    "oauth_callback": NO_OTHER_LOGIN,
    # What is done in another way here.
    "data_layer": STORED,
    "on_shared_thread_view": "use on_shared_chat_view instead; it is given a SharedChat",
    "on_slack_reaction_added": "a chat is on this site only, not in Slack",
    "Avatar": "use Message(author=...), and put its picture into public/avatars/NAME.png",
    "Component": "use an element, such as Text or CustomElement",
    # Sound.
    "on_audio_start": NO_AUDIO,
    "on_audio_chunk": NO_AUDIO,
    "on_audio_end": NO_AUDIO,
    "InputAudioChunk": NO_AUDIO,
    "OutputAudioChunk": NO_AUDIO,
    # Other libraries.
    "HaystackAgentCallbackHandler": NOT_WATCHED,
    "instrument_mistralai": NOT_WATCHED,
    "SemanticKernelFilter": NOT_WATCHED,
    "ChatGeneration": NOT_WATCHED,
    "CompletionGeneration": NOT_WATCHED,
    "GenerationMessage": NOT_WATCHED,
}

NO_STREAMING = "use stream_token(), and send() or update() at the end"

MESSAGE_NOT_YET = {
    "streaming": NO_STREAMING,
    "is_streaming": NO_STREAMING,
    "is_error": "a failure is shown when a callback raises; send an ordinary Message",
    "fail_on_persist_error": "what cannot be stored ends the turn, and its user is told",
    "persisted": "what cannot be stored ends the turn, and its user is told",
    "wait_for_answer": "ask with AskUserMessage, which waits",
    "indent": "leave it out, or show the text as the output of a Step",
    "prompt": "leave it out, or show the prompt as the input of a Step",
    "disable_feedback": "leave it out: an app with on_feedback has ratings",
    "disable_human_feedback": "leave it out: an app with on_feedback has ratings",
}

# Arguments and attributes of an action in earlier versions of Chainlit.
ACTION_NOT_YET = {
    "value": 'use payload instead, such as payload={"value": "yes"}, and read payload["value"]',
    "description": "use tooltip instead",
    "collapsed": "leave it out, as each button is shown",
}
STEP_NOT_YET = {
    "to_dict": "read its attributes",
    "from_dict": "make a new Step",
    "persisted": "a step is stored automatically",
    "fail_on_persist_error": "a step is stored automatically",
}
CONTEXT_NOT_YET = {
    "loop": "use asyncio.get_running_loop() in an async def",
}
EMITTER_NOT_YET = {
    "emit": "send a Message",
    "emit_call": "send a Message",
    "resume_thread": "use @on_chat_resume",
    "send_resume_thread_error": "raise an error in @on_chat_resume",
    "send_element": "give it to a Message: Message(elements=[...])",
    "send_step": "send a Message or a Step",
    "update_step": "use update() of a Message or a Step",
    "delete_step": "use remove() of a Message or a Step",
    "send_timeout": "a question has its timeout",
    "clear": "a question ends automatically",
    "flush_thread_queues": "messages are stored automatically",
    "init_thread": "a chat is stored automatically",
    "process_message": "use @on_message",
    "send_ask_user": "use AskUserMessage and the others of its kind",
    "send_call_fn": "there is no widget for other sites",
    "update_token_count": "keep a count in user_session",
    "task_start": "a turn begins automatically",
    "task_end": "a turn ends automatically",
    "stream_start": "use Message.stream_token()",
    "send_token": "use Message.stream_token()",
    "set_chat_settings": "use ChatSettings([...]).send()",
    "set_favorites": "messages cannot be marked",
    "send_window_message": "use send_window_message()",
    "update_audio_connection": NO_AUDIO,
    "send_audio_chunk": NO_AUDIO,
    "send_audio_interrupt": NO_AUDIO,
}
SESSION_NOT_YET = {
    "environ": "only @header_auth_callback is given the headers of a request",
    "http_cookie": "the cookies of requests are not given to callbacks",
    "http_referer": "only @header_auth_callback is given the headers of a request",
    "token": "a user signs in with the site; see context.session.user",
    "restored": "use @on_chat_resume, which is called with the chat",
    "files": "what a user attaches is not kept with the session",
    "to_persistable": "use user_session",
    "emit": "send a Message",
    "language": "take it in set_chat_profiles, and keep it in user_session",
}

_CONFIG_FILE = (
    "write it into .chainlit/config.toml, or set a WEBAPP_ variable; docs/from-chainlit.md says "
    "what has an effect"
)
_CONFIG_NAMES = "code features project root run"
_CONFIG_UI_NAMES = (
    "avatar_size confirm_new_chat cot custom_build custom_css custom_js default_avatar_file_url "
    "default_collapse_content default_expand_messages default_sidebar_state default_theme github "
    "header_links hide_cot language layout login_page_image logo_file_url theme"
)
CONFIG_NOT_YET = dict.fromkeys(_CONFIG_NAMES.split(), _CONFIG_FILE)
CONFIG_UI_NOT_YET = dict.fromkeys(_CONFIG_UI_NAMES.split(), _CONFIG_FILE)

_FEEDBACK_GROUPS = {
    "use message_id": "for_id id",
    "use chat_id": "thread_id",
    'use value, which is "up", "down" or "none"': "score rating strategy",
}
FEEDBACK_NOT_YET = {
    name: instead for instead, names in _FEEDBACK_GROUPS.items() for name in names.split()
}


# A package has two names. Messages say the one that the docs show.
_PACKAGE = re.compile(r"\bwebapp\b")


def shown_name(text: str) -> str:
    """Return a module of this package, such as ``webapp.types``, as the docs call it."""
    return _PACKAGE.sub("chat_profiles", text)


def missing_name(
    owner: str, name: str, present: Iterable[str], not_yet: Mapping[str, str]
) -> AttributeError:
    """Return the error for a name that ``owner`` does not have.

    Parameters
    ----------
    owner:
        The module or class, such as ``webapp`` or ``Message``.
    name:
        The missing name. Names that Python looks up by itself get Python's own message.
    present:
        The names that exist, for a hint at a misspelling.
    not_yet:
        Names that Chainlit has, each with what to use instead.
    """
    owner = shown_name(owner)
    if name.startswith("__"):
        return AttributeError(f"{owner} has no attribute {name!r}")
    # Whoever writes `user_session.agent` means a value of theirs.
    is_value = owner == "user_session"
    similar = get_close_matches(name, list(present), 1, 0.8 if is_value else 0.6)
    if name in not_yet:
        hint = f" in this version: {not_yet[name]}; see docs/authoring.md"
    elif similar:
        hint = f"; did you mean {similar[0]}?"
    elif is_value:
        hint = f'; write user_session.get("{name}") or user_session.set("{name}", value)'
    else:
        hint = "; docs/authoring.md lists the names that do"
    return AttributeError(f"{owner}.{name} does not exist{hint}")
