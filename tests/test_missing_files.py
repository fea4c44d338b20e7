"""A picture or a file that an app names and that is not there is told in the log, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli_support import CommandLine
from tests.support.apps import AppMaker
from tests.support.log import LogReader
from tests.support.people import Visitor
from webapp.profiles import missing_files

APP = """
    import webapp as cl
    @cl.set_chat_profiles
    def profiles():
        starters = [cl.Starter("s", "m", icon="/public/starter.svg")]
        icons = ["/public/there.svg", "/public/there.svg?v=2", "https://a.example/public/x.svg"]
        icons += ["/public/gone.svg", "public/gone too.svg", "/public/../app_file.py", None]
        return [cl.ChatProfile(str(i), "", icon=i, starters=starters) for i in icons]
"""


def missing(log: LogReader) -> list[str]:
    return [event["icon"] for event in log.events("icon.missing")]


def test_each_missing_icon_is_logged_once_with_what_to_do(
    make_app: AppMaker, log: LogReader, tmp_path: Path
) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "there.svg").write_text("<svg/>")
    visitor = Visitor(make_app(APP))
    for _ in range(2):
        assert visitor.get("/profiles").status_code == 200
    assert sorted(missing(log)) == [
        "/public/../app_file.py",
        "/public/gone.svg",
        "/public/starter.svg",
        "public/gone too.svg",
    ]
    [event] = [each for each in log.events("icon.missing") if each["icon"] == "/public/gone.svg"]
    assert event["of"] == "ChatProfile '/public/gone.svg'"
    assert event["looked_at"] == f"{tmp_path}/public/gone.svg"
    assert event["hint"] == f"put the file into {tmp_path}/public, or change the icon"


def test_icons_that_are_made_up_for_ever_are_not_all_remembered(
    make_app: AppMaker, log: LogReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing_files, "MOST_LOOKED_FOR", 3)
    app = make_app(APP.replace("icon=i", "icon=f'/public/{id(object())}{i}'"))
    Visitor(app).get("/profiles")
    assert len(missing(log)) == 3


STARTERS = """
    import webapp as cl
    def starter(icon):
        return cl.Starter(label=icon, message="m", icon=icon)
    @cl.set_starters
    def starters():
        return [starter("/public/of-app.svg")]
"""
CATEGORIES = """
    @cl.set_starter_categories
    def categories():
        return [cl.StarterCategory("C", "/public/category.svg", [starter("/public/in-it.svg")])]
"""


def test_the_icons_of_all_starters_are_looked_for(make_app: AppMaker, log: LogReader) -> None:
    app = make_app(STARTERS)
    for _ in range(2):
        Visitor(app).get("/")
    assert missing(log) == ["/public/of-app.svg"]
    assert log.events("icon.missing")[0]["of"] == "Starter '/public/of-app.svg'"


def test_the_icons_of_categories_are_looked_for(make_app: AppMaker, log: LogReader) -> None:
    Visitor(make_app(STARTERS + CATEGORIES)).get("/")
    assert missing(log) == ["/public/category.svg", "/public/in-it.svg"]


@pytest.mark.parametrize(
    "icon", ["bot.png", "/static/bot.png", "./public/a.svg", "data:image/png;"]
)
def test_an_icon_that_is_no_address_is_told(make_app: AppMaker, log: LogReader, icon: str) -> None:
    Visitor(make_app(STARTERS.replace("/public/of-app.svg", icon))).get("/")
    [event] = log.events("icon.missing")
    assert event["icon"] == icon
    assert 'a file in the folder public, as "/public/name.svg"' in event["hint"]


NAMES = """
    import webapp as cl
    @cl.on_chat_start
    async def start():
        await cl.context.emitter.set_commands([
            {"id": "Search", "description": "d", "icon": "globe"},
            {"id": "Other", "description": "d", "icon": "/public/command.svg"},
        ])
        await cl.context.emitter.set_modes([cl.Mode("m", "Mode", [
            cl.ModeOption("a", "A", icon="rocket"), cl.ModeOption("b", "B", icon="check"),
        ])])
        buttons = [cl.Action(name, {}, icon=name) for name in ("check", "no-such")]
        await cl.Message("x", actions=buttons).send()
    @cl.action_callback("check")
    @cl.action_callback("no-such")
    async def press(action): ...
"""


def test_a_name_that_stands_for_no_picture_is_told(make_app: AppMaker, log: LogReader) -> None:
    visitor = Visitor(make_app(NAMES))
    chat = visitor.start_chat()
    for _ in range(2):
        assert visitor.get(chat).status_code == 200
    assert sorted(missing(log)) == ["/public/command.svg", "no-such", "rocket"]
    assert "docs/authoring.md lists the names" in log.events("icon.missing")[0]["hint"]


SHOWN = """
    import webapp as cl
    @cl.on_chat_start
    async def start():
        await cl.Message("x", elements=[
            cl.Image(name="Map", url="/public/map.png"),
            cl.Image(name="There", url="/public/there.svg"),
            cl.CustomElement(name="Card"),
        ]).send()
"""


def test_the_files_that_messages_show_are_looked_for(
    make_app: AppMaker, log: LogReader, tmp_path: Path
) -> None:
    for folder in ("public", "elements"):
        (tmp_path / folder).mkdir()
    (tmp_path / "public" / "there.svg").write_text("<svg/>")
    (tmp_path / "elements" / "Card.html").write_text(
        "<img src='/public/there.svg' alt=''><img src='/public/card.png' alt=''>"
    )
    visitor = Visitor(make_app(SHOWN))
    chat = visitor.start_chat()
    for _ in range(2):
        assert visitor.get(chat).status_code == 200
    found = [(each["of"], each["file"], each["looked_at"]) for each in log.events("file.missing")]
    assert found == [
        ("image 'Map'", "/public/map.png", f"{tmp_path}/public/map.png"),
        ("elements/Card.html", "/public/card.png", f"{tmp_path}/public/card.png"),
    ]
    assert log.events("file.missing")[0]["hint"] == (
        f"put the file into {tmp_path}/public, or change the address"
    )


def test_the_stylesheet_of_a_profile_is_looked_for(make_app: AppMaker, log: LogReader) -> None:
    app = make_app("""
        import webapp as cl
        @cl.set_chat_profiles
        def profiles():
            own = {"ui": {"custom_css": "/public/gone.css"}}
            return [cl.ChatProfile("Night", "", config_overrides=own)]
    """)
    Visitor(app).get("/")
    [event] = log.events("file.missing")
    assert (event["of"], event["file"]) == ("ChatProfile 'Night' ui.custom_css", "/public/gone.css")


def test_the_check_notes_each_file_that_is_named_and_not_there(tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "there.svg").write_text("<svg/>")
    (tmp_path / "helper.py").write_text("ICON = '/public/of helper.png'\n")
    (tmp_path / "app.py").write_text(
        "import chat_profiles as cl\nimport helper\n"
        "a = cl.Starter('a', 'm', icon='/public/there.svg?v=2')\n"
        "b = cl.Starter('b', 'm', icon='public/gone.svg?v=2')\n"
        "c = cl.Starter('c', 'm', icon='public/gone.svg?v=2')\n"
        "d = cl.Starter('d', 'm', icon=f'/public/{a}.svg')\n"
        "e = cl.Starter('e', 'm /public/x.svg', icon='https://a.example/public/x.svg')\n"
    )
    result = CommandLine(tmp_path, "")("check", str(tmp_path / "app.py"))
    advice = f"is not there: put the file into {tmp_path}/public, or change the address."
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [
            f"note: app.py:4: public/gone.svg?v=2 {advice}",
            f"note: helper.py:1: /public/of helper.png {advice}",
            "app.py: nothing to change.",
        ],
    )
