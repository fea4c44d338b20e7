"""What our templates may write beyond Jinja: a template that is put in its place."""

from __future__ import annotations

import pytest
from jinja2 import DictLoader, Environment, TemplateSyntaxError

from webapp.template_syntax import Inline, WithoutIndentation

PARTS = {
    "plain.html": "<b>{{ name }}</b>\n",
    "sets.html": "{% set name = name ~ '!' %}{{ name }}\n",
    "item.html": "<i>{{ item }}</i>\n",
    "nested.html": '({% inline "plain.html" %})\n',
    "fails.html": "one\ntwo\n{{ 1 // zero }}\n",
}


def environment(*, auto_reload: bool = False, **templates: str) -> Environment:
    return Environment(
        loader=DictLoader({**PARTS, **{f"{k}.html": text for k, text in templates.items()}}),
        autoescape=True,
        auto_reload=auto_reload,
        extensions=[WithoutIndentation, Inline],
    )


@pytest.mark.parametrize("auto_reload", [False, True])
@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ('[{% inline "plain.html" %}]', "[<b>&lt;Ada</b>]"),
        ('[{% inline "nested.html" %}]', "[(<b>&lt;Ada</b>)]"),
        # What it sets stays its own.
        ('{% inline "sets.html" %} {{ name }}', "&lt;Ada! &lt;Ada"),
        ('{% for item in "ab" %}{% inline "item.html" %}{% endfor %}', "<i>a</i><i>b</i>"),
        ('{% with name = "Bo" %}{% inline "plain.html" %}{% endwith %}', "<b>Bo</b>"),
        ('{% set name = "Cy" %}{% inline "plain.html" %}', "<b>Cy</b>"),
        ('<p>\n  {%- inline "plain.html" -%}\n</p>', "<p><b>&lt;Ada</b></p>"),
    ],
)
def test_inline_shows_what_an_include_shows(page: str, expected: str, *, auto_reload: bool) -> None:
    """Each page is drawn with `inline` and with `include`: they must not differ."""
    ours = environment(page=page, auto_reload=auto_reload)
    plain = environment(page=page.replace("inline", "include"))
    shown = ours.get_template("page.html").render(name="<Ada")
    assert shown == expected
    assert shown == plain.get_template("page.html").render(name="<Ada")


def test_an_inlined_template_is_not_looked_up_when_drawn() -> None:
    site = environment(page='{% inline "nested.html" %}')
    page = site.get_template("page.html")
    site.loader = None
    assert page.render(name="Ada") == "(<b>Ada</b>)"


def test_a_template_that_changes_is_read_again_in_development() -> None:
    site = environment(auto_reload=True)
    templates = {**PARTS, "page.html": '{% inline "plain.html" %}'}
    site.loader = DictLoader(templates)
    assert site.get_template("page.html").render(name="Ada") == "<b>Ada</b>"
    templates["plain.html"] = "<i>{{ name }}</i>"
    assert site.get_template("page.html").render(name="Ada") == "<i>Ada</i>"


def test_an_error_names_a_line_of_the_page() -> None:
    site = environment(page='first\n\n{% inline "fails.html" %}\nlast')
    with pytest.raises(ZeroDivisionError) as caught:
        site.get_template("page.html").render(zero=0)
    assert caught.traceback[-1].lineno + 1 == 3


@pytest.mark.parametrize("page", ["{% inline %}", "{% inline name %}"])
def test_inline_takes_a_name_in_quotes(page: str) -> None:
    with pytest.raises(TemplateSyntaxError, match="expected token 'string'"):
        environment(page=page).get_template("page.html")
