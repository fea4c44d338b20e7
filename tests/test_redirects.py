"""Redirects stay on this site, whatever `next` says."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import pytest
from flask import Flask

from tests.support.corpus import sample_id, samples, text_of
from tests.support.html import parse
from tests.support.people import HTMX, Visitor
from webapp.web.redirects import LIMIT, local_path

TARGETS = samples("open_redirect")
HOSTILE = [sample for sample in TARGETS if sample["expect"] != "accept"]
GOOD = ["/", "/profiles", "/chats/1?a=b", "/chat/1?q=a@b", "/a/b.c-d_e~f", "/x?next=/y", "/x?q=%2F"]


def in_address(sample: dict[str, Any]) -> str:
    return quote(text_of(sample).encode("utf-8", "surrogatepass"))


def stays_here(location: str) -> bool:
    """Follow as a browser would: it drops tabs and line ends, and reads `\\` as `/`."""
    read = "".join(c for c in location if c not in "\t\r\n").replace("\\", "/").strip()
    return urlsplit(urljoin("http://app.test/login", read)).netloc == "app.test"


@pytest.mark.parametrize("sample", TARGETS, ids=sample_id)
def test_the_rule_for_local_paths(sample: dict[str, Any]) -> None:
    target = text_of(sample)
    accepted = local_path(target, "/default")
    assert accepted in (target, "/default")
    assert stays_here(accepted)
    if sample["expect"] != "no_external":
        assert accepted == (target if sample["expect"] == "accept" else "/default")


@pytest.mark.parametrize("sample", HOSTILE, ids=sample_id)
def test_after_login_a_hostile_next_leads_home(shared_app: Flask, sample: dict[str, Any]) -> None:
    anonymous = Visitor(shared_app)
    page = anonymous.get(f"/login?next={in_address(sample)}")
    assert page.status_code == 200
    kept = parse(page.text).one("input", name="next")["value"]
    form = {"username": "bob", "password": "bobbob", "next": kept}
    assert stays_here(anonymous.post("/login", form).location)


def test_a_hostile_next_in_the_form_itself_leads_home(make_app: Any) -> None:
    app = make_app("roles.py")
    for sample in HOSTILE:
        form = {"username": "bob", "password": "bobbob", "next": text_of(sample)}
        form["next"] = form["next"].encode("utf-8", "replace").decode()
        answer = Visitor(app).post("/login", form)
        assert answer.status_code == 303, sample
        assert stays_here(answer.location), sample


def test_a_hostile_next_does_not_move_somebody_who_is_logged_in(bob: Visitor) -> None:
    for sample in HOSTILE:
        answer = bob.get(f"/login?next={in_address(sample)}")
        assert answer.status_code == 303, sample
        assert stays_here(answer.location), sample
        fragment = bob.get(f"/login?next={in_address(sample)}", headers=HTMX)
        assert stays_here(fragment.headers["HX-Redirect"]), sample


@pytest.mark.parametrize("target", GOOD)
def test_a_good_next_is_followed(shared_app: Flask, target: str) -> None:
    anonymous = Visitor(shared_app)
    page = anonymous.get("/login", query_string={"next": target})
    kept = parse(page.text).one("input", name="next")["value"]
    form = {"username": "bob", "password": "bobbob", "next": kept}
    assert anonymous.post("/login", form).location == target


def test_next_survives_a_wrong_password(anonymous: Visitor) -> None:
    form = {"username": "bob", "password": "wrong", "next": "/profiles"}
    page = parse(anonymous.post("/login", form).text)
    assert page.one("input", name="next")["value"] == "/profiles"


def test_the_page_that_was_asked_for_is_shown_after_login(anonymous: Visitor) -> None:
    sent_to = anonymous.get("/profiles?x=1").location
    page = parse(anonymous.get(sent_to).text)
    assert page.one("input", name="next")["value"] == "/profiles?x=1"


@pytest.mark.parametrize("target", ["", None, "/" + "a" * LIMIT, "relative", "/ü", "/a b"])
def test_what_is_no_plain_path_is_the_default(target: str | None) -> None:
    assert local_path(target) == "/"


def test_every_address_the_app_sends_is_relative(alice: Visitor) -> None:
    started = alice.post("/chats", htmx=True)
    page = parse(alice.get("/").text)
    addresses = [
        e.attributes[name]
        for e in page.walk()
        for name in ("href", "src", "action", "hx-post", "hx-get")
        if name in e.attributes
    ]
    assert len(addresses) > 8
    assert [
        a for a in (*addresses, started.headers["HX-Replace-Url"]) if not a.startswith("/")
    ] == ["#main"]
