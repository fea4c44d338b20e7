"""Jobs that run now and then: in the background, once a minute at most, and each by itself."""

from __future__ import annotations

import threading

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.log import LogReader
from tests.support.people import Visitor
from webapp.testing.background import wait_for_background
from webapp.web import housekeeping
from webapp.web.housekeeping import EXTENSION, Housekeeping, Job


@pytest.fixture
def app(make_app: AppMaker) -> Flask:
    """Return an app without jobs."""
    app = make_app("simple.py", log_level="DEBUG")
    jobs_of(app).clear()
    return app


def jobs_of(app: Flask) -> dict[str, Job]:
    """Return the jobs of an app."""
    found: Housekeeping = app.extensions[EXTENSION]
    return found.jobs


class Noted:
    """A job that notes in which thread it ran, and waits if it is told to."""

    def __init__(self) -> None:
        self.threads: list[str] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self) -> int:
        """Run."""
        self.threads.append(threading.current_thread().name)
        self.go_on.wait(20)
        return 0


def start(app: Flask) -> None:
    """Start a chat, and wait for what it leaves behind to be done."""
    Visitor(app).start_chat()
    wait_for_background()


def test_jobs_run_in_their_own_thread_when_a_chat_starts(app: Flask) -> None:
    job = jobs_of(app)["job"] = Noted()
    Visitor(app).get("/")
    wait_for_background()
    assert job.threads == []
    start(app)
    assert job.threads == ["webapp-housekeeping"]


def test_jobs_run_once_a_minute(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    job = jobs_of(app)["job"] = Noted()
    start(app)
    start(app)
    assert len(job.threads) == 1
    monkeypatch.setattr(housekeeping, "EVERY_SECONDS", 0.0)
    start(app)
    assert len(job.threads) == 2


def test_no_request_waits_for_a_job_and_none_runs_twice_at_once(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "EVERY_SECONDS", 0.0)
    job = jobs_of(app)["job"] = Noted()
    job.go_on.clear()
    for _ in range(3):
        Visitor(app).start_chat()
    assert len(job.threads) == 1
    job.go_on.set()
    wait_for_background()
    start(app)
    assert len(job.threads) == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_job_that_fails_is_logged_and_holds_up_no_other(app: Flask, log: LogReader) -> None:
    jobs_of(app).update(bad=lambda: 1 // 0, good=lambda: 3)
    start(app)
    bad, good = log.events("housekeeping.ran")
    assert (bad["job"], bad["failed"], bad["level"]) == ("bad", True, "WARNING")
    assert (good["job"], good["failed"], good["level"]) == ("good", False, "INFO")
    assert good["done"] == 3
    assert good["seconds"] >= 0
    assert "ZeroDivisionError" in log.one("background.failed")["traceback"]


def test_a_job_that_found_nothing_to_do_is_logged_for_debugging_only(
    app: Flask, log: LogReader
) -> None:
    jobs_of(app)["idle"] = lambda: 0
    start(app)
    assert log.one("housekeeping.ran")["level"] == "DEBUG"


def test_the_jobs_of_an_app(make_app: AppMaker) -> None:
    assert [*jobs_of(make_app("simple.py"))] == [
        "end_lost_turns",
        "delete_chats",
        "end_idle_chats",
        "index_messages",
        "forget_objects",
        "delete_temporary_files",
        "sweep_files",
    ]
