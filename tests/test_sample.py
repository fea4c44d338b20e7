"""What a newcomer meets first: the sample site of `make run`, and `make build`."""

from __future__ import annotations

import re
from pathlib import Path

from flask import Flask

from tests.support.apps import AppMaker
from tests.support.people import Visitor
from webapp.accounts import directory
from webapp.authoring.loading.loader import load_chat_app
from webapp.markdown.messages import message_html

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "violet tractor parade"


def sample(make_app: AppMaker) -> Visitor:
    app: Flask = make_app(ROOT / "examples" / "roles.py")
    with app.app_context():
        directory.add("demo", PASSWORD, details={"role": "ADMIN"})
    return Visitor(app).logged_in("demo", PASSWORD)


def test_the_sample_greets_once(make_app: AppMaker) -> None:
    visitor = sample(make_app)
    page = visitor.get(visitor.start_chat()).text
    assert page.count('data-kind="assistant"') == 1
    assert "Welcome, demo." in page


def test_an_answer_of_the_sample_shows_what_answers_can_have() -> None:
    app = load_chat_app(ROOT / "examples" / "roles.py")
    reply = app.callbacks["on_message"].function.__globals__["REPLY"]
    html = message_html(reply.format("hello", "Assistant"))
    for tag in ("<table", "<ul", "<pre", "<strong", "<a "):
        assert tag in html, tag


def rule(target: str) -> tuple[str, str]:
    """Return what a target of the Makefile needs, and what it does."""
    found = re.search(
        rf"^{re.escape(target)}: (.*?)(?: ##.*)?\n((?:\t.*\n)+)",
        (ROOT / "Makefile").read_text(),
        re.MULTILINE,
    )
    assert found, target
    return found[1], found[2]


def test_building_installs_only_what_building_needs() -> None:
    assert rule("build")[0] == "$(VENV)/.build"
    needs, recipe = rule("$(VENV)/.build")
    installed = re.findall(r"-r (\S+)", recipe)
    # The list of parts (SBOM) is made with a tool of its own.
    assert installed == ["requirements/build.txt", "requirements/sbom.txt"]
    assert set(installed) <= set(needs.split())


def test_the_sample_site_is_one_command_that_prints_last() -> None:
    _, recipe = rule("run")
    [line] = recipe.splitlines()
    assert line.startswith("\t@exec $(BIN)/chat-profiles run examples/roles.py --demo ")
