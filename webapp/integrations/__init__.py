"""What other frameworks do, as steps. Each of them is imported when an app first names it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from webapp.authoring.context import running_chat

if TYPE_CHECKING:
    from webapp.integrations.langchain import (
        AsyncLangchainCallbackHandler as AsyncLangchainCallbackHandler,
    )
    from webapp.integrations.langchain import LangchainCallbackHandler as LangchainCallbackHandler
    from webapp.integrations.llama_index import (
        LlamaIndexCallbackHandler as LlamaIndexCallbackHandler,
    )
    from webapp.integrations.openai import instrument_openai as instrument_openai

# The module of each name, what that module needs, and the extra that installs it.
_MODULES = {
    "ag_ui": (("ag_ui", "httpx2", "pydantic"), "ag-ui"),
    "langchain": (("langchain_core",), "langchain"),
    "llama_index": (("llama_index",), "llama-index"),
    "mcp": (("mcp",), "mcp"),
    "openai": (("openai",), "openai"),
}
_FOUND_IN = {
    "LangchainCallbackHandler": "langchain",
    "AsyncLangchainCallbackHandler": "langchain",
    "LlamaIndexCallbackHandler": "llama_index",
    "instrument_openai": "openai",
}
INTEGRATIONS = tuple(_FOUND_IN)
# Those with names of their own, such as `ag_ui.profile`.
SUBMODULES = ("ag_ui", "mcp")


def load_integration(name: str) -> Any:
    """Return one of `INTEGRATIONS`, and import the framework that it belongs to.

    Raises
    ------
    ImportError
        The framework is not installed.
    """
    return getattr(_import(_FOUND_IN[name], name), name)


def find_tool_sessions() -> dict[str, Any]:
    """Return a session of each server of tools that the administrator of this site lists.

    Raises
    ------
    ImportError
        There are servers, and the package for them is not installed.
    """
    if not running_chat("context.session.mcp_sessions").mcp_servers:
        return {}
    _import("mcp", "context.session.mcp_sessions")
    found: dict[str, Any] = import_module("webapp.integrations.mcp.sessions").list_sessions()
    return found


def _import(module: str, name: str) -> Any:
    packages, extra = _MODULES[module]
    try:
        return import_module(f"webapp.integrations.{module}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in packages:
            raise
        raise ImportError(
            f"{name} needs a package that is not installed. Run: "
            f'pip install "chat-profiles[{extra}]"'
        ) from error


if not TYPE_CHECKING:  # or a type checker would accept every name

    def __getattr__(name: str) -> Any:
        """Return an integration."""
        if name in _FOUND_IN:
            return load_integration(name)
        if name in SUBMODULES:
            return _import(name, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
