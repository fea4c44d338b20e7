"""Integrations cost nothing until an app names one, and say what to install."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import Settings

import webapp
from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.steps import forbid_traffic, shown_steps
from webapp import integrations
from webapp.authoring.errors import MisuseError
from webapp.integrations.values import hide_secrets, read_value

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "integrations.md"
EXTRAS = {
    "LangchainCallbackHandler": ("langchain_core", "langchain"),
    "AsyncLangchainCallbackHandler": ("langchain_core", "langchain"),
    "LlamaIndexCallbackHandler": ("llama_index", "llama-index"),
    "instrument_openai": ("openai", "openai"),
}


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    forbid_traffic(monkeypatch)
    yield
    Settings._llm = Settings._embed_model = Settings._callback_manager = None


def run_python(code: str) -> str:
    """Run code in a process in which nothing is imported yet, and return what it prints."""
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_package_imports_none_of_them() -> None:
    packages = sorted({package for package, _ in EXTRAS.values()})
    code = (
        "import sys, webapp, webapp.integrations\nfrom webapp import *\n"
        f"print([name for name in {packages} if name in sys.modules])\n"
        "print([name for name in sys.modules if name.startswith('webapp.integrations.')])"
    )
    assert run_python(code).splitlines() == ["[]", "[]"]


@pytest.mark.parametrize("name", EXTRAS)
@pytest.mark.parametrize(
    "use",
    [
        "import chat_profiles as cl\ncl.{name}",
        "from chat_profiles import {name}",
        "from webapp.integrations import {name}",
    ],
)
def test_a_package_that_is_missing_is_one_line_with_what_to_install(use: str, name: str) -> None:
    package, extra = EXTRAS[name]
    code = (
        "import sys\n"
        f"sys.modules[{package!r}] = None\n"
        "sys.path.insert(0, 'webapp/alias')\n"
        f"try:\n    exec({use.format(name=name)!r})\n"
        "except ImportError as error:\n    print(error)"
    )
    told = (
        f'{name} needs a package that is not installed. Run: pip install "chat-profiles[{extra}]"'
    )
    assert run_python(code) == f"{told}\n"


def test_an_app_that_needs_one_is_told_so_when_it_is_loaded(tmp_path: Path) -> None:
    app = tmp_path / "app.py"
    app.write_text("import chat_profiles as cl\n\nhandler = cl.LlamaIndexCallbackHandler()\n")
    code = (
        "import sys\n"
        "sys.modules['llama_index'] = None\n"
        "from pathlib import Path\n"
        "from webapp.authoring.errors import AppFileError\n"
        "from webapp.authoring.loading.loader import load_chat_app\n"
        f"try:\n    load_chat_app(Path({str(app)!r}))\n"
        "except AppFileError as error:\n    print(error)"
    )
    told = run_python(code)
    assert f"{app}:3" in told
    assert 'pip install "chat-profiles[llama-index]"' in told


@pytest.mark.parametrize("name", EXTRAS)
def test_each_is_documented_with_an_example(name: str) -> None:
    assert re.search(rf"^## `{name}\b", PAGE.read_text(), re.MULTILINE)
    assert "Example\n" in getattr(webapp, name).__doc__
    assert getattr(integrations, name) is getattr(webapp, name)


@pytest.mark.parametrize("name", ["LangchainCallbackHandler", "LlamaIndexCallbackHandler"])
def test_an_argument_that_does_not_exist_is_told_with_those_that_do(name: str) -> None:
    made: Any = getattr(webapp, name)
    with pytest.raises(MisuseError, match=r"does not take to_hide: .*It takes "):
        made(to_hide=[])


def test_the_examples_of_the_page_run(make_app: AppMaker) -> None:
    langchain, llama_index = re.findall(
        r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )[:2]
    chat = Chat(make_app(langchain)).say("What is the capital of France?")
    assert chat.messages() == ["Paris."]
    assert [(step.name, step.type) for step in shown_steps(chat)] == [
        ("Answer", "run"),
        ("ChatPromptTemplate", "undefined"),
        ("FakeListChatModel", "llm"),
        ("StrOutputParser", "undefined"),
    ]

    chat = Chat(make_app(llama_index)).say("What is Paris?")
    assert chat.messages() == ["text text text text text"]
    assert [step.name for step in shown_steps(chat)] == ["Query", "Retrieve", "MockLLM"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key sk-proj-abcdefghijklmnop!", "key [hidden]!"),
        ("Authorization: Bearer abcdefghijkl", "Authorization: Bearer [hidden]"),
        ("postgresql://bob:secret@db/x", "postgresql://[hidden]@db/x"),
        ("https://example.org/a:b@c", "https://example.org/a:b@c"),
        ("api_key=abc&page=2", "api_key=[hidden]&page=2"),
        ('{"password": "a b", "a": 1}', '{"password": "[hidden]", "a": 1}'),
        ('{"api_key": "[hidden]"}', '{"api_key": "[hidden]"}'),
        ("the secret of sk-iing", "the secret of sk-iing"),
        ("max_tokens=5, tokens: 7", "max_tokens=5, tokens: 7"),
    ],
)
def test_what_looks_like_a_key_is_hidden(text: str, shown: str) -> None:
    assert hide_secrets(text) == shown


def test_names_of_keys_hide_what_they_hold_at_any_depth() -> None:
    value = {
        "settings": [{"openai_api_key": "abc", "max_tokens": 5, "accessToken": "abc"}],
        "Authorization": "abc",
        "next_page_token": "abc",
        "token": "abc",
    }
    assert read_value(value, 1_000, lambda it: it) == {
        "settings": [{"openai_api_key": "[hidden]", "max_tokens": 5, "accessToken": "[hidden]"}],
        "Authorization": "[hidden]",
        "next_page_token": "abc",
        "token": "[hidden]",
    }


def test_a_key_at_the_end_of_what_is_shown_is_not_cut_in_half() -> None:
    text = "x " * 45 + "sk-proj-abcdefghijklmnop"
    assert "sk-proj" not in read_value(text, 100, lambda it: it)
