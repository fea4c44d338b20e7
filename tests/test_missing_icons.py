"""An icon that is named and not there is told in the log, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.apps import AppMaker
from tests.support.log import LogReader
from tests.support.people import Visitor
from webapp.profiles import missing_icons

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
    assert f"put the file into {tmp_path}/public" in log.events("icon.missing")[0]["hint"]


def test_icons_that_are_made_up_for_ever_are_not_all_remembered(
    make_app: AppMaker, log: LogReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing_icons, "MOST_LOOKED_FOR", 3)
    app = make_app(APP.replace("icon=i", "icon=f'/public/{id(object())}{i}'"))
    Visitor(app).get("/profiles")
    assert len(missing(log)) == 3
