"""The submodules that Chainlit's apps import from, such as ``chat_profiles.types``.

Each of them has the names of the package under the place where Chainlit keeps them. They are
modules of a table, not files: each is there from the start, since an import would otherwise put
``chat_profiles.step`` in the place of the decorator of that name.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from webapp.authoring.elements.element import Element
from webapp.authoring.inputs.commands import Command
from webapp.authoring.loading.missing_names import NO_OTHER_LOGIN, NOT_YET, STORED, missing_name
from webapp.authoring.questions.ask_action import AskActionResponse
from webapp.authoring.questions.ask_file import AskFileResponse
from webapp.authoring.steps.step import LocalSteps

_CALLBACKS = (
    "action_callback author_rename data_layer header_auth_callback oauth_callback on_app_shutdown "
    "on_app_startup on_audio_chunk on_audio_end on_audio_start on_chat_end on_chat_resume "
    "on_chat_start on_feedback on_logout on_mcp_connect on_mcp_disconnect on_message "
    "on_settings_edit on_settings_update on_shared_thread_view on_slack_reaction_added on_stop "
    "on_window_message password_auth_callback send_window_message set_chat_profiles "
    "set_starter_categories set_starters"
)
_TYPES = (
    "AskActionResponse AskActionSpec AskElementResponse AskElementSpec AskFileResponse AskFileSpec "
    "AskSpec ChatProfile CommandDict Feedback FeedbackDict FileDict FileReference FileSpec "
    "InputAudioChunk MessagePayload OutputAudioChunk PageInfo PaginatedResponse Pagination Starter "
    "StarterCategory ThreadDict ThreadFilter"
)
SUBMODULES = {
    "action": "Action",
    "cache": "cache",
    "callbacks": _CALLBACKS,
    "chat_context": "chat_context",
    "chat_settings": "ChatSettings",
    "context": "context local_steps",
    "element": (
        "Audio CustomElement Dataframe Element ElementBased ElementDict File Image Pdf Plotly "
        "Pyplot Task TaskList TaskStatus Text Video"
    ),
    "input_widget": (
        "Checkbox DatePicker InputWidget MultiSelect NumberInput RadioGroup Select Slider Switch "
        "Tab Tags TextInput"
    ),
    "langchain": "AsyncLangchainCallbackHandler LangchainCallbackHandler",
    "langchain.callbacks": "AsyncLangchainCallbackHandler LangchainCallbackHandler",
    "llama_index": "LlamaIndexCallbackHandler",
    "llama_index.callbacks": "LlamaIndexCallbackHandler",
    "logger": "logger",
    "message": (
        "AskActionMessage AskElementMessage AskFileMessage AskUserMessage ErrorMessage Message"
    ),
    "mode": "Mode ModeOption",
    "openai": "instrument_openai",
    "sidebar": "ElementSidebar",
    "step": "Step StepDict step",
    "sync": "make_async run_sync",
    "types": _TYPES,
    "user": "PersistedUser User UserDict",
    "user_session": "user_session",
    "utils": "utc_now mount_chainlit",
    "version": "__version__",
}

_LIBRARY = "this library is not watched; make a Step yourself"
# Submodules that do not exist, with what to use instead.
NO_SUBMODULES = {
    "auth": "sign-in is done for you; use password_auth_callback or header_auth_callback",
    "client": "use types.ThreadDict for what on_chat_resume gets",
    "data": STORED,
    "discord": "a chat is on this site only, not in Discord",
    "emitter": "send a Message, or use context.emitter",
    "haystack": _LIBRARY,
    "langflow": "call its API with an HTTP client",
    "markdown": "Markdown is rendered for you",
    "mcp": "use chat_profiles.integrations.mcp",
    "mistralai": _LIBRARY,
    "oauth_providers": NO_OTHER_LOGIN,
    "playground": "prompts cannot be edited here; make a Step yourself",
    "prompt": "prompts cannot be edited here; make a Step yourself",
    "secret": "run `chat-profiles secret`",
    "semantic_kernel": _LIBRARY,
    "server": "create_app() returns the Flask app; see docs/hosting.md",
    "session": "use context.session",
    "slack": "a chat is on this site only, not in Slack",
    "socket": "there is no socket; use context.session",
    "teams": "a chat is on this site only, not in Teams",
    "telemetry": "nothing is reported to anybody",
}
# Names of submodules, with what to use instead.
_INSTEAD = {
    "run_chainlit": "start the app with `chat-profiles run APP.py`",
    "mount_chainlit": (
        "create_app() returns a WSGI app, which you can mount beside yours; see docs/hosting.md"
    ),
    **dict.fromkeys(("PageInfo", "PaginatedResponse", "Pagination", "ThreadFilter"), STORED),
    **dict.fromkeys(
        ("AskActionSpec", "AskElementSpec", "AskFileSpec", "AskSpec", "FileSpec", "MessagePayload"),
        "it belongs to how Chainlit talks to its own page",
    ),
    **dict.fromkeys(("FileDict", "FileReference"), "use an element, such as File"),
    "AskElementResponse": "use dict",
    "context_var": "use context",
    "get_context": "use context",
    "init_http_context": "a callback has its context",
    "init_ws_context": "a callback has its context",
    "CL_RUN_NAMES": "use context.current_run",
}


def utc_now() -> str:
    """Return the present in UTC, in ISO 8601."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


# What is not in the package. The dictionaries are for annotations.
OWN_NAMES: dict[str, Any] = {
    "CommandDict": Command,
    **dict.fromkeys(("ElementDict", "FeedbackDict", "StepDict", "UserDict"), dict[str, Any]),
    "AskActionResponse": AskActionResponse,
    "AskElementResponse": dict[str, Any],
    "AskFileResponse": AskFileResponse,
    "ElementBased": Element,
    "local_steps": LocalSteps(),
    "utc_now": utc_now,
}


class Submodule(ModuleType):
    """A module of `SUBMODULES`. Its names are those of the package."""

    def __init__(self, package: str, name: str) -> None:
        super().__init__(f"{package}.{name}", "Names that Chainlit keeps in a module.")
        self._package, self._place = package, name
        self.__spec__ = ModuleSpec(self.__name__, None, is_package=has_submodules(name))
        self.__package__ = package
        if has_submodules(name):
            self.__path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        names = SUBMODULES[self._place].split()
        if name in names and name in OWN_NAMES:
            return OWN_NAMES[name]
        package = sys.modules[self._package]
        if name == "__version__" or (name in names and is_public(package, name)):
            return getattr(package, name)
        raise missing_member(self._place, name, package)

    def __dir__(self) -> list[str]:
        package = sys.modules[self._package]
        names = SUBMODULES[self._place].split()
        return [name for name in names if name in OWN_NAMES or is_public(package, name)]


def has_submodules(name: str) -> bool:
    return any(other.startswith(f"{name}.") for other in SUBMODULES)


def is_public(package: ModuleType, name: str) -> bool:
    """Return whether the package itself has ``name``, without importing anything."""
    return name in package.__all__ or name in package.INTEGRATIONS


def missing_member(module: str, name: str, package: ModuleType) -> AttributeError:
    """Return the error for a name that ``module`` does not have."""
    here = vars(sys.modules.get(f"{package.__name__}.{module}", package))
    known = SUBMODULES.get(module, "").split()
    names = [each for each in known if each in here or is_public(package, each)]
    return missing_name(f"{package.__name__}.{module}", name, names, NOT_YET | _INSTEAD)


def add_submodules(package: str) -> None:
    """Let apps import from the modules of `SUBMODULES`, under both names of the package."""
    folder = Path(__file__).parents[2]
    for name in SUBMODULES:
        if (folder / f"{name}.py").is_file():
            continue
        module = Submodule(package, name)
        sys.modules[f"{package}.{name}"] = module
        sys.modules[f"chat_profiles.{name}"] = module
