"""Chat applications for Flask and WSGI hosting: the names that an app file imports.

Example
-------
::

    import chat_profiles as cl

    @cl.on_message
    async def answer(message: cl.Message):
        await cl.Message(content=f"You wrote: {message.content}").send()
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from webapp import input_widget
from webapp.app import create_app
from webapp.authoring.actions.action import Action
from webapp.authoring.actions.callback import action_callback
from webapp.authoring.caching.cache import cache
from webapp.authoring.callbacks import (
    author_rename,
    header_auth_callback,
    on_chat_end,
    on_chat_start,
    on_logout,
    on_message,
    on_stop,
    password_auth_callback,
    set_chat_profiles,
    set_starter_categories,
    set_starters,
)
from webapp.authoring.chat_history import chat_history
from webapp.authoring.elements.charts import Plotly, Pyplot
from webapp.authoring.elements.custom import CustomElement
from webapp.authoring.elements.dataframe import Dataframe
from webapp.authoring.elements.element import Element
from webapp.authoring.elements.files import Audio, File, Image, Pdf, Video
from webapp.authoring.elements.sidebar import ElementSidebar
from webapp.authoring.elements.texts import Text
from webapp.authoring.feedback_callback import Feedback, on_feedback
from webapp.authoring.inputs.chat_settings import ChatSettings
from webapp.authoring.inputs.modes import Mode, ModeOption
from webapp.authoring.inputs.settings_callbacks import on_settings_edit, on_settings_update
from webapp.authoring.life.callbacks import on_app_shutdown, on_app_startup
from webapp.authoring.life.logger import logger
from webapp.authoring.life.tool_servers import on_mcp_connect, on_mcp_disconnect
from webapp.authoring.loading.missing_names import NOT_YET, missing_name
from webapp.authoring.loading.submodules import NO_SUBMODULES, SUBMODULES, add_submodules
from webapp.authoring.messages.chat_context import chat_context
from webapp.authoring.messages.error_message import ErrorMessage
from webapp.authoring.messages.message import Message
from webapp.authoring.profiles.profile import ChatProfile
from webapp.authoring.profiles.profile_switch import set_profile_switching, switch_profile
from webapp.authoring.profiles.starters import Starter, StarterCategory
from webapp.authoring.questions.ask_action import AskActionMessage
from webapp.authoring.questions.ask_element import AskElementMessage
from webapp.authoring.questions.ask_file import AskFileMessage
from webapp.authoring.questions.ask_user import AskUserMessage
from webapp.authoring.reasoning import ReasoningParser
from webapp.authoring.resumed_chat import ResumedChat, ThreadDict, on_chat_resume
from webapp.authoring.shared_view import SharedChat, on_shared_chat_view
from webapp.authoring.steps.decorator import set_cot, step
from webapp.authoring.steps.reasoning_stream import ReasoningStream
from webapp.authoring.steps.run_context import context
from webapp.authoring.steps.step import Step
from webapp.authoring.steps.task_list import Task, TaskList, TaskStatus
from webapp.authoring.tools import make_async, run_sync, sleep
from webapp.authoring.uploads.setting import set_uploads
from webapp.authoring.uploads.uploads import Uploads
from webapp.authoring.user_session import user_session
from webapp.authoring.users.seeded_user import seeded_user
from webapp.authoring.users.user import PersistedUser, User
from webapp.authoring.windows.window_messages import on_window_message, send_window_message
from webapp.integrations import INTEGRATIONS, load_integration
from webapp.package_alias import add_alias

if TYPE_CHECKING:
    from webapp.integrations import (
        AsyncLangchainCallbackHandler as AsyncLangchainCallbackHandler,
    )
    from webapp.integrations import LangchainCallbackHandler as LangchainCallbackHandler
    from webapp.integrations import LlamaIndexCallbackHandler as LlamaIndexCallbackHandler
    from webapp.integrations import instrument_openai as instrument_openai

__all__ = [
    "Action",
    "AskActionMessage",
    "AskElementMessage",
    "AskFileMessage",
    "AskUserMessage",
    "Audio",
    "ChatProfile",
    "ChatSettings",
    "CustomElement",
    "Dataframe",
    "Element",
    "ElementSidebar",
    "ErrorMessage",
    "Feedback",
    "File",
    "Image",
    "Message",
    "Mode",
    "ModeOption",
    "Pdf",
    "PersistedUser",
    "Plotly",
    "Pyplot",
    "ReasoningParser",
    "ReasoningStream",
    "ResumedChat",
    "SharedChat",
    "Starter",
    "StarterCategory",
    "Step",
    "Task",
    "TaskList",
    "TaskStatus",
    "Text",
    "ThreadDict",
    "Uploads",
    "User",
    "Video",
    "action_callback",
    "author_rename",
    "cache",
    "chat_context",
    "chat_history",
    "context",
    "create_app",
    "header_auth_callback",
    "input_widget",
    "logger",
    "make_async",
    "on_app_shutdown",
    "on_app_startup",
    "on_chat_end",
    "on_chat_resume",
    "on_chat_start",
    "on_feedback",
    "on_logout",
    "on_mcp_connect",
    "on_mcp_disconnect",
    "on_message",
    "on_settings_edit",
    "on_settings_update",
    "on_shared_chat_view",
    "on_stop",
    "on_window_message",
    "password_auth_callback",
    "run_sync",
    "seeded_user",
    "send_window_message",
    "set_chat_profiles",
    "set_cot",
    "set_profile_switching",
    "set_starter_categories",
    "set_starters",
    "set_uploads",
    "sleep",
    "step",
    "switch_profile",
    "user_session",
]

add_alias(__name__)
add_submodules(__name__)

if not TYPE_CHECKING:  # or a type checker would accept every name

    def __getattr__(name: str) -> Any:
        """Import what needs a framework, or explain what to use instead of a missing name."""
        if name in INTEGRATIONS:
            return load_integration(name)
        if name in SUBMODULES and name not in NOT_YET:
            return import_module(f"{__name__}.{name}")
        if name == "__version__":
            return version("chat-profiles")
        raise missing_name(__name__, name, [*__all__, *INTEGRATIONS], NOT_YET | NO_SUBMODULES)
