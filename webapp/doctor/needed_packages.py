"""Packages that an app calls for by what it uses, and that are not installed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from webapp.authoring.checking.app_check import list_used_names
from webapp.authoring.loading.app_file import ChatApp
from webapp.config.settings import Settings
from webapp.doctor.findings import Finding, hint

_FAILS = "What the app does with {} fails."
_INTEGRATIONS = {
    "AsyncLangchainCallbackHandler": ("langchain_core", "langchain"),
    "LangchainCallbackHandler": ("langchain_core", "langchain"),
    "LlamaIndexCallbackHandler": ("llama_index", "llama-index"),
    "ag_ui": ("ag_ui", "ag-ui"),
    "instrument_openai": ("openai", "openai"),
    "mcp": ("mcp", "mcp"),
}
# By a name of the framework: the module, the package that has it, and what is missing without it.
_NAMES = {
    "Dataframe": (
        "pyarrow",
        "chat-profiles[tables]",
        "A {} takes a list of at most 5,000 dicts, and nothing else.",
    ),
    "Plotly": ("plotly", "plotly", "No chart is drawn."),
    "Pyplot": ("matplotlib", "matplotlib", _FAILS),
    **{
        name: (module, f"chat-profiles[{extra}]", _FAILS)
        for name, (module, extra) in _INTEGRATIONS.items()
    },
}
CODE = "needs-package"


def find_needed_packages(chat_app: ChatApp, settings: Settings) -> Iterator[Finding]:
    """Yield a finding for each package that is missing, with the line that installs it."""
    used = list_used_names(chat_app.path) if chat_app.path else set()
    missing = {}
    for name in sorted(used & _NAMES.keys()):
        module, package, without = _NAMES[name]
        if find_spec(module) is None:
            missing[package] = (
                f"The app uses {name}, and a package for it is missing. {without.format(name)}"
            )
    if settings.mcp_servers and find_spec("mcp") is None:
        missing["chat-profiles[mcp]"] = (
            "WEBAPP_MCP_SERVERS lists servers of tools, and the package that calls them is missing."
        )
    if chat_app.config.user_keys and find_spec("cryptography") is None:
        missing["chat-profiles[user-keys]"] = (
            "The app asks its users for keys (user_env). The cookie that keeps them in a browser "
            "is signed, but not encrypted."
        )
    for package, text in missing.items():
        yield hint(CODE, text, f"Run pip install '{package}'.")
