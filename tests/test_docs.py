"""The documentation is complete, and its code runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest

import webapp
from tests.support.apps import AppMaker
from tests.support.people import Visitor
from tests.support.steps import keep_openai
from webapp import testing
from webapp.authoring.loading.missing_names import MESSAGE_NOT_YET, NOT_YET
from webapp.cli import chat_profiles
from webapp.config.settings import Settings
from webapp.testing import ChatTester

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
DESIGN = sorted([ROOT / "ARCHITECTURE.md", *(ROOT / "docs" / "design").glob("*.md")])
OTHER_PAGES = [ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")
HOOK = re.compile(r'data-testid="([a-z-]+)"')


def page(name: str) -> str:
    return (ROOT / name).read_text()


def blocks() -> Iterator[object]:
    for path in PAGES:
        for number, code in enumerate(BLOCK.findall(path.read_text()), start=1):
            yield pytest.param(code, id=f"{path.name}-{number}")


def commands(group: click.Group, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}"


@pytest.mark.parametrize("code", list(blocks()))
def test_python_in_the_documentation_can_be_loaded(
    code: str, make_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "instrument_openai" in code:
        keep_openai(monkeypatch)
    assert make_app(code).extensions["chat_app"]


def test_readme_app_starts_a_chat(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(BLOCK.findall(page("README.md"))[0])
    with ChatTester(tmp_path / "app.py") as chat:
        assert chat.choose("Thorough").text == "Hello! This is the **Thorough** profile."
        assert chat.say("Hello").text == "You wrote: Hello "


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_says_what_it_teaches_and_loads(path: Path, make_app: AppMaker) -> None:
    assert "What it teaches: " in path.read_text()
    assert make_app(path).extensions["chat_app"].get("on_chat_start")


def test_the_example_without_login_starts_a_chat(make_app: AppMaker) -> None:
    visitor = Visitor(make_app(ROOT / "examples" / "two_profiles.py"))
    shown = visitor.get(visitor.start_chat("Thorough")).text
    assert "Hello! This is the <strong>Thorough</strong> profile." in shown


@pytest.mark.parametrize("name", webapp.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    assert re.search(rf"### `@?{name}\b", page("docs/authoring.md"))


def test_what_is_said_to_be_missing_is_told_when_it_is_used() -> None:
    section = page("docs/authoring.md").partition("Not there yet.")[2]
    rows = [line.split("|")[2] for line in section.splitlines() if line.startswith("| ")][1:]
    # Arguments are refused by what a class takes, so they need no list.
    names = set(re.findall(r"`([\w.]+)`", " ".join(rows))) - {"actions"}
    known = {*NOT_YET, *(f"Message.{name}" for name in MESSAGE_NOT_YET)}
    assert len(names) > 5
    assert names - known == set()


# The logger is Python's own.
@pytest.mark.parametrize("name", [name for name in webapp.__all__ if name != "logger"])
def test_every_public_name_has_a_docstring_with_an_example(name: str) -> None:
    doc = getattr(webapp, name).__doc__ or ""
    assert "Example\n" in doc


@pytest.mark.parametrize("command", sorted(commands(chat_profiles, "chat-profiles")))
def test_every_command_is_documented(command: str) -> None:
    assert f"`{command}" in page("docs/commands.md")


def test_every_setting_is_documented() -> None:
    names = re.findall(r'"(WEBAPP_[A-Z_]+)"', page("webapp/config/settings.py"))
    documented = page("docs/hosting.md")
    assert len(set(names)) >= len(fields(Settings)) - 2  # `production` and `flask` are not set so
    assert [name for name in names if f"| `{name}` |" not in documented] == []


def test_every_hook_is_documented() -> None:
    templates = "".join(path.read_text() for path in (ROOT / "templates").rglob("*.html"))
    hooks = set(HOOK.findall(templates))
    assert "profile-option" in hooks
    assert [hook for hook in sorted(hooks) if f"`{hook}`" not in page("docs/themes.md")] == []


def test_the_app_that_the_tutorial_begins_with_answers(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(BLOCK.findall(page("docs/tutorial.md"))[0])
    with ChatTester(tmp_path / "app.py") as chat:
        assert chat.say("Hello").text == "You wrote: Hello"


AGENT = """
import json
import chat_profiles as cl
from openai import OpenAI

client = OpenAI()

@cl.step(type="tool")
def get_weather(city):
    return f"rain in {city}"

@cl.on_message
def answer():
    messages = cl.chat_history()
    while calls := (said := ask(messages)).tool_calls:
        messages.append(said)
        for call in calls:
            found = get_weather(**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": found})
    cl.Message(said.content).send()

def ask(messages):
    return client.chat.completions.create(model="m", messages=messages).choices[0].message
"""


def test_every_name_of_the_test_kit_is_documented() -> None:
    documented = page("docs/testing.md")
    used = [name for name in dir(ChatTester) if not name.startswith("_")]
    assert len(used) > 30
    # What a test is given and need not name.
    given = {name for name in testing.__all__ if name.startswith("Shown")} | {"OfferedProfile"}
    names = [*used, *sorted(set(testing.__all__) - given)]
    assert [name for name in names if not re.search(rf"\b{name}\b", documented)] == []


def test_the_tests_of_the_documentation_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall(page("docs/testing.md"))
    [five_lines] = [block for block in blocks if "test_capitals" in block]
    [with_model] = [block for block in blocks if "FakeModel(" in block]
    names: dict[str, Any] = {}
    exec(five_lines + with_model, names)
    Path("app.py").write_text(AGENT)
    names["test_an_agent_looks_up_the_weather"]()
    Path("app.py").write_text(BLOCK.findall(page("docs/tutorial.md"))[0].replace("wrote", "Lima"))
    names["test_capitals"]()


def test_the_readme_shows_a_picture_that_is_light() -> None:
    (picture,) = re.findall(r"^!\[.+\]\((docs/images/\w+\.png)\)$", page("README.md"), re.MULTILINE)
    assert (ROOT / picture).stat().st_size < 60_000


@pytest.mark.parametrize("path", [*PAGES, *DESIGN, *OTHER_PAGES], ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    targets = LINK.findall(path.read_text())
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_every_page_is_linked_from_the_readme_or_the_list_of_decisions() -> None:
    readme, decisions = page("README.md"), page("docs/design/README.md")
    missing = [path.name for path in PAGES[1:] if f"](docs/{path.name})" not in readme]
    missing += [path.name for path in DESIGN[1:] if f"]({path.name})" not in decisions]
    assert missing == ["README.md"]  # the list itself


def test_every_promise_about_security_names_a_test_that_exists() -> None:
    promised, _, not_promised = page("docs/security.md").partition("## What is not promised")
    promises = re.findall(r"^- .*(?:\n  .*)*", promised, re.MULTILINE)
    named = [re.findall(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", promise) for promise in promises]
    assert len(promises) > 60
    assert "\n- **" in not_promised
    assert [promise for promise, tests in zip(promises, named, strict=True) if not tests] == []
    assert [path for tests in named for path, name in tests if not has_test(path, name)] == []


def has_test(path: str, name: str) -> bool:
    return (ROOT / path).exists() and f"def {name or 'test_'}" in page(path)


@pytest.mark.parametrize("path", DESIGN, ids=lambda path: path.name)
def test_the_architecture_names_only_files_that_exist(path: Path) -> None:
    named = re.findall(r"\b((?:webapp|templates|static|benchmarks)/[\w/.]*\w)", path.read_text())
    assert named or path.parent.name == "design"
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_decision_has_context_decision_and_consequence() -> None:
    parts = ["Context", "Decision", "Consequence"]
    for path in DESIGN[1:]:
        for decision in path.read_text().split("\n## ")[1:]:
            assert re.findall(r"^\*\*(\w+)\.\*\* ", decision, re.MULTILINE) == parts, decision


def test_the_security_policy_says_what_a_reporter_needs() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    assert headings == [
        "Reporting a security problem",
        "Supported versions",
        "What it is made of",
        "What is promised",
    ]
    assert "**Report a vulnerability**" in text
