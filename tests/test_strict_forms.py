"""Every form refuses by itself what it does not have and what comes twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from webapp import app as _every_room  # noqa: F401 - so that all forms are there
from webapp.web.csrf import CSRF_FIELD
from webapp.web.forms import FormFieldError, StrictForm, expect_no_fields


def all_forms(base: type[StrictForm] = StrictForm) -> Iterator[type[StrictForm]]:
    for form in base.__subclasses__():
        yield form
        yield from all_forms(form)


FORMS = sorted(set(all_forms()), key=lambda form: form.__name__)


def test_there_are_forms_to_look_at() -> None:
    assert len(FORMS) >= 12


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_form_refuses_a_field_that_it_does_not_have(
    simple_app: Flask, form: type[StrictForm]
) -> None:
    with (
        simple_app.test_request_context(method="POST", data={"owner": "user:bob"}),
        pytest.raises(FormFieldError, match="no field") as error,
    ):
        form()
    assert error.value.subject == "owner"


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_form_refuses_a_field_that_comes_twice(simple_app: Flask, form: type[StrictForm]) -> None:
    with simple_app.test_request_context():
        names = [field.name for field in form()]
    for name in [*names, CSRF_FIELD]:
        with (
            simple_app.test_request_context(method="POST", data={name: ["1", "2"]}),
            pytest.raises(FormFieldError, match="sent 2 times") as error,
        ):
            form()
        assert error.value.subject == name


def test_where_no_field_is_expected_the_token_may_come_and_nothing_else(simple_app: Flask) -> None:
    with simple_app.test_request_context(method="POST", data={CSRF_FIELD: "1"}):
        expect_no_fields()
    with (
        simple_app.test_request_context(method="POST", data={"profile": "team"}),
        pytest.raises(FormFieldError),
    ):
        expect_no_fields()
