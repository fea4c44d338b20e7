"""What no template may hold: inline script or style, and controls that need script."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
FILES = sorted(TEMPLATES.rglob("*.html"))
TAG = re.compile(r"<([a-zA-Z][\w-]*)\b((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>")
HTMX_REQUESTS = ("hx-get", "hx-post", "hx-put", "hx-patch", "hx-delete")


def name(path: Path) -> str:
    return path.relative_to(TEMPLATES).as_posix()


def source(path: Path) -> str:
    return re.sub(r"\{#.*?#\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def elements(path: Path) -> list[tuple[str, str]]:
    """List the tags with their attributes, with Jinja's blocks taken out of the tags."""
    text = re.sub(r"\{%.*?%\}", " ", source(path), flags=re.DOTALL)
    text = re.sub(r"\{\{.*?\}\}", lambda m: "{{" + re.sub(r"[<>\"']", "", m[0]) + "}}", text)
    return [(tag.lower(), attributes) for tag, attributes in TAG.findall(text)]


def in_every_file(check: Callable[[Path], None]) -> Callable[[], None]:
    """Make one test of a check of one file; it tells of every file that fails."""

    def test() -> None:
        found = []
        for path in FILES:
            try:
                check(path)
            except (AssertionError, ValueError, pytest.fail.Exception) as error:
                found.append(f"{name(path)}: {error}")
        assert not found, "\n".join(found)

    return test


def test_there_are_templates() -> None:
    assert len(FILES) > 20
    assert sum(len(elements(path)) for path in FILES) > 100


@in_every_file
def test_no_inline_script_or_style(path: Path) -> None:
    for tag, attributes in elements(path):
        assert tag != "style"
        assert not re.search(r"(?:^|\s)style\s*=", attributes), attributes
        assert not re.search(r"(?:^|\s)on\w+\s*=", attributes), attributes
        assert "javascript:" not in attributes
        if tag == "script":
            assert re.search(r"src=\"\{\{+ ?asset\(", attributes), attributes


@in_every_file
def test_no_htmx_feature_that_needs_eval(path: Path) -> None:
    for _, attributes in elements(path):
        assert "hx-on" not in attributes
        assert "js:" not in attributes
        assert not re.search(r"hx-trigger=\"[^\"]*\[", attributes), attributes
        assert not re.search(r"hx-(vals|headers|request|vars)=", attributes), attributes


@in_every_file
def test_a_control_works_without_script(path: Path) -> None:
    for tag, attributes in elements(path):
        if "hx-post" in attributes:
            [target] = re.findall(r"hx-post=\"([^\"]+)\"", attributes)
            if tag == "button":  # one of several in a form
                assert f'formaction="{target}"' in attributes
                assert '<form id="press-' in source(path)
                assert 'method="post"' in source(path)
                continue
            assert tag == "form", attributes
            assert f'action="{target}"' in attributes
            assert 'method="post"' in attributes
        if any(f"{verb}=" in attributes for verb in ("hx-put", "hx-patch", "hx-delete")):
            pytest.fail(f"a form cannot do that without script: {attributes}")


@in_every_file
def test_every_form_is_a_post_with_a_token_or_a_get(path: Path) -> None:
    for form in re.findall(r"<form\b.*?</form>", source(path), flags=re.DOTALL):
        if 'method="post"' in form:
            assert 'name="csrf_token"' in form or "form.csrf_token" in form, form
        else:
            assert "csrf_token" not in form, form


@in_every_file
def test_what_an_element_does_stands_on_it(path: Path) -> None:
    assert "xmlattr" not in source(path)


@in_every_file
def test_nothing_is_marked_as_safe(path: Path) -> None:
    assert not re.search(r"\|\s*safe\b|autoescape\s+false|Markup\(", source(path))


@in_every_file
def test_no_address_is_outside(path: Path) -> None:
    assert not re.search(r"(?:https?:)?//[\w{]", source(path))
    for _, attributes in elements(path):
        for address in re.findall(r"(?:href|src|action|hx-\w+)=\"(/[^\"]*)\"", attributes):
            pytest.fail(f"an address is written out instead of made by url_for: {address}")


@in_every_file
def test_attributes_are_quoted(path: Path) -> None:
    for _, attributes in elements(path):
        assert not re.search(r"=\s*\{\{", attributes), attributes


@in_every_file
def test_no_link_of_ours_opens_a_window(path: Path) -> None:
    for tag, attributes in elements(path):
        opens = re.search(r"(?:^|\s)target=\"(\w*)\"", attributes)
        if opens is None:
            continue
        # A link that an app's author wrote, beside a choice that its reader has not made yet. And
        # one to another site in a message, which opens as those in the text of messages do.
        assert (tag, opens[1]) == ("a", "_blank")
        assert name(path) in ("profiles/_option.html", "elements/_link_card.html")
        assert 'rel="noopener noreferrer nofollow ugc"' in attributes


def test_every_included_template_exists() -> None:
    used = {
        found
        for path in FILES
        for found in re.findall(r"(?:include|inline|extends|import) \"([^\"]+)\"", source(path))
    }
    assert used
    assert [found for found in sorted(used) if not (TEMPLATES / found).is_file()] == []
