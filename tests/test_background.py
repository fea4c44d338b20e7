"""Work that no request waits for: it has the app, and what fails in it is logged."""

import threading
from collections.abc import Callable

import pytest
from flask import Flask, current_app
from sqlalchemy.exc import OperationalError

from webapp.web.background import in_background


def run_and_wait(app: Flask, function: Callable[[], object]) -> None:
    before = set(threading.enumerate())
    with app.app_context():
        in_background("test", function)
    for thread in set(threading.enumerate()) - before:
        assert thread.name == "webapp-test"
        thread.join(10)
        assert not thread.is_alive()


def test_it_runs_in_the_context_of_the_app_and_in_another_thread(simple_app: Flask) -> None:
    found: list[tuple[str, bool]] = []

    def note() -> None:
        found.append((current_app.name, threading.current_thread() is threading.main_thread()))

    run_and_wait(simple_app, note)
    assert found == [("webapp", False)]


def test_a_database_that_is_down_is_one_line_in_the_log(
    simple_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise OperationalError("SELECT 1", None, OSError("gone"))

    run_and_wait(simple_app, fail)
    assert [record.getMessage() for record in caplog.records] == ["database.unavailable"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_mistake_of_ours_is_logged_with_its_traceback(
    simple_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise LookupError("a mistake")

    run_and_wait(simple_app, fail)
    [record] = caplog.records
    assert record.getMessage() == "background.failed"
    assert record.exc_info
    assert record.exc_info[0] is LookupError
