"""The details of imported messages, steps and task lists, checked like all that is imported."""

from __future__ import annotations

import uuid
from dataclasses import fields
from typing import Any, get_args

from webapp.authoring.chat_message import (
    ANSWER_KEY,
    ASSISTANT,
    BY_APP_KEY,
    QUESTION_KEY,
    STEP,
    TASKS,
    USER,
    MessageKind,
)
from webapp.authoring.draft import CONTENT_LIMIT
from webapp.authoring.inputs.message_choices import Choices
from webapp.authoring.inputs.modes import MODES_LIMIT
from webapp.authoring.questions.question import (
    INTERRUPTED,
    OPEN,
    QuestionKind,
    QuestionStatus,
)
from webapp.authoring.steps.details import StepDetails, TaskDetails, TaskListDetails
from webapp.authoring.steps.step import NAME_LIMIT, TYPE_LIMIT, language_name
from webapp.authoring.steps.task_list import MOST_TASKS, TITLE_LIMIT, TaskStatus
from webapp.authoring.text import clean_text
from webapp.transfer.import_elements import read_sidebar
from webapp.transfer.strict_json import Value

_STATUSES = tuple(status.value for status in TaskStatus)


def read_details(value: Value, kind: MessageKind) -> dict[str, Any] | None:
    """Return the details of a message.

    An answer has some if it is a panel, or asks something. What the user wrote may have a command
    and modes. It says so if it answers a question, or if the app sent it in the user's name.

    Raises
    ------
    NotAsExpectedError
        They are not as docs/export.md describes.
    """
    if kind == STEP:
        return _read_step(value).to_json()
    if kind == TASKS:
        return _read_tasks(value).to_json()
    if kind == ASSISTANT:
        return _read_answer(value)
    if kind == USER:
        if value.it is None:
            return None
        it, modes = value.fields("command", "modes", ANSWER_KEY, BY_APP_KEY), {}
        if it["modes"].it is not None:
            for mode, option in it["modes"].members(MODES_LIMIT, "mode"):
                modes[clean_text(mode)[:NAME_LIMIT]] = option.text(NAME_LIMIT)
        chosen = Choices(command=it["command"].name(NAME_LIMIT), modes=modes).details
        reasons = {key: True for key in (ANSWER_KEY, BY_APP_KEY) if it[key].yes_or_no()}
        return {**(chosen or {}), **reasons} or None
    if value.it is not None:
        raise value.wrong("belongs to a step, a list of tasks, an answer or a question only")
    return None


def _read_answer(value: Value) -> dict[str, Any] | None:
    if value.it is None:
        return None
    it = value.fields("sidebar", QUESTION_KEY)
    details = read_sidebar(it["sidebar"])
    if it[QUESTION_KEY].it is not None:
        asked = it[QUESTION_KEY].fields("kind", "status", "answer")
        status = asked["status"].one_of(*get_args(QuestionStatus))
        details[QUESTION_KEY] = {
            "id": str(uuid.uuid4()),
            "kind": asked["kind"].one_of(*get_args(QuestionKind)),
            # Nobody waits for the answer any more.
            "status": INTERRUPTED if status == OPEN else status,
            "answer": asked["answer"].name(CONTENT_LIMIT),
        }
    return details or None


def _read_step(value: Value) -> StepDetails:
    if value.it is None:
        return StepDetails(name="")
    it = value.fields(*(each.name for each in fields(StepDetails)))
    return StepDetails(
        name=it["name"].name(NAME_LIMIT) or "",
        type=it["type"].name(TYPE_LIMIT) or "undefined",
        parent=it["parent"].name(NAME_LIMIT),
        input=it["input"].text(CONTENT_LIMIT) if it["input"].it is not None else "",
        input_language=_read_language(it["input_language"]),
        language=_read_language(it["language"]),
        is_error=it["is_error"].yes_or_no(),
        start=it["start"].name(TYPE_LIMIT),
        end=it["end"].name(TYPE_LIMIT),
        default_open=it["default_open"].yes_or_no(),
        auto_collapse=it["auto_collapse"].yes_or_no(),
    )


def _read_language(value: Value) -> str | None:
    name = value.name(NAME_LIMIT)
    return None if name is None else language_name(name)


def _read_tasks(value: Value) -> TaskListDetails:
    if value.it is None:
        return TaskListDetails()
    it = value.fields("status", "tasks")
    tasks = []
    for each in it["tasks"].items(MOST_TASKS, "task"):
        task = each.fields("title", "status", "message")
        tasks.append(
            TaskDetails(
                title=task["title"].name(TITLE_LIMIT) or "",
                status=task["status"].one_of(*_STATUSES),
                message=task["message"].name(NAME_LIMIT),
            )
        )
    return TaskListDetails(status=it["status"].name(TITLE_LIMIT) or "", tasks=tuple(tasks))
