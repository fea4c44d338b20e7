"""A profile is renamed or withdrawn: what was said keeps its looks, and there is a way on."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import Element, parse
from tests.support.log import LogReader
from tests.support.over_time import OverTime, log_of
from tests.support.rows import column, count, every_row, run_sql
from webapp import ChatProfile

FAR = "https://icons.example"


@pytest.fixture
def site(make_app: AppMaker) -> OverTime:
    """Return the app, with the profiles plain, rhyme and law."""
    return OverTime(make_app)


@pytest.fixture
def site_on_either(either_url: str, tmp_path: Path) -> Iterator[OverTime]:
    """Return the app on each database."""
    with AppMaker.in_folder(tmp_path, either_url) as maker:
        yield OverTime(maker)


def policy_of(chat: Chat) -> str:
    headers = chat.visitor.get(chat.address).headers
    return next(p for p in headers["Content-Security-Policy"].split("; ") if "img-src" in p)


def withdrawn(site: OverTime, said: str = "Good morning") -> Chat:
    """Return a chat under the profile rhyme, which is offered no more."""
    chat = site.chat("rhyme", said)
    site.offer("plain", "law")
    return chat


def pictures(page: Element) -> list[str]:
    [log] = page.all(data_testid="messages")
    return [picture["src"] for picture in log.all("img")]


def go_on(chat: Chat, profile: str = "plain") -> Chat:
    answer = chat.visitor.post(f"{chat.address}/continue", {"profile": profile})
    assert answer.status_code == 303, answer.text
    new = Chat.__new__(Chat)
    new.visitor, new.address = chat.visitor, str(answer.location)
    return new


def test_a_renamed_profile_is_shown_under_its_name_of_today(site: OverTime) -> None:
    chat = site.chat("rhyme")
    site.offer("plain", ChatProfile("rhyme", "", display_name="Poetry"))
    assert log_of(chat.page())[0] == "Poetry: Hello from rhyme."


def test_a_withdrawn_profile_is_shown_as_it_was(site: OverTime) -> None:
    page = withdrawn(site).page()
    assert log_of(page)[0] == "Rhyme: Hello from rhyme."
    assert pictures(page) == ["/public/rhyme.svg"] * 2
    assert page.one(id="chat-name").text == "Rhyme"
    assert "“Rhyme” of this chat is no longer available" in page.one(id="read-only").text
    assert page.one(data_testid="chat")["data-profile"] == "rhyme"


def test_a_withdrawn_profile_is_greeted_with_its_icon(site: OverTime) -> None:
    chat = Chat.of(site.person(), "rhyme")
    site.offer("plain")
    page = chat.page()
    [greeting] = page.with_class("greeting")
    assert greeting.one("img")["src"] == "/public/rhyme.svg"
    assert page.one("title").text == "Rhyme · Chat Profiles"


def test_the_policy_lists_the_icon_of_a_withdrawn_profile_where_it_is_shown(site: OverTime) -> None:
    site.offer(ChatProfile("far", "", icon=f"{FAR}/far.png"), "plain")
    chat, other = site.chat("far"), site.chat("plain", name="bob")
    site.offer("plain")
    assert policy_of(chat) == f"img-src 'self' {FAR}"
    assert policy_of(other) == "img-src 'self'"


def test_a_snapshot_without_icon_lists_nothing(site: OverTime) -> None:
    site.offer(ChatProfile("far", "", icon=f"{FAR}/far.png"), "plain")
    chat = site.chat("far")
    looks = json.dumps({"far": {"label": "Far", "icon": None}})  # as an import leaves it
    run_sql(site.app, "UPDATE chats SET snapshots = :looks", looks=looks)
    site.offer("plain")
    assert (policy_of(chat), pictures(chat.page())) == ("img-src 'self'", [])


def test_an_icon_that_the_page_may_not_load_is_the_initial(site: OverTime) -> None:
    site.offer(ChatProfile("far", "", icon=f"{FAR}/far.png"), "plain")
    chat = site.chat("far")
    site.offer("plain")
    swapped = chat.visitor.get(chat.address, headers={"HX-Request": "true", "X-Icon-Origins": ""})
    assert pictures(parse(swapped.text)) == []


def test_a_message_takes_a_new_look_into_the_chat(site_on_either: OverTime) -> None:
    site = site_on_either
    chat = site.chat("rhyme")
    site.offer("plain", ChatProfile("rhyme", "", display_name="Poetry"))
    chat.say("Go on")
    site.offer("plain")
    assert chat.page().one(id="chat-name").text == "Poetry"


def test_a_chat_from_before_there_were_snapshots_has_the_name(site: OverTime) -> None:
    chat = withdrawn(site)
    run_sql(site.app, "UPDATE chats SET snapshots = '{}'")
    assert log_of(chat.page())[0] == "rhyme: Hello from rhyme."


def test_the_conversation_goes_on_with_another_profile(site_on_either: OverTime) -> None:
    site = site_on_either
    old = withdrawn(site)
    new = go_on(old)
    assert log_of(new.page()) == [
        "Rhyme: Hello from rhyme.",
        "alice: Good morning",
        "Rhyme: rhyme: Good morning",
        "-- Continued from “Good morning” with Plain",
        "Plain: Hello from plain.",
    ]
    assert log_of(new.say("Go on").page())[-2:] == ["alice: Go on", "Plain: plain: Go on"]
    assert new.page().one(data_testid="chat")["data-profile"] == "plain"


def test_the_app_knows_what_was_carried_over(site: OverTime) -> None:
    go_on(withdrawn(site)).say("Go on")
    before = ["Hello from rhyme.", "Good morning", "rhyme: Good morning"]
    assert site.histories[-2] == before
    assert site.histories[-1] == [*before, "Hello from plain.", "Go on"]


def test_the_old_chat_stays_as_it_is(site: OverTime) -> None:
    old = withdrawn(site)
    before = log_of(old.page())
    go_on(old)
    assert log_of(old.page()) == before
    assert count(site.app, "chats") == 2


def test_the_title_comes_along_and_is_told(site: OverTime) -> None:
    old = withdrawn(site)
    run_sql(site.app, "UPDATE chats SET title = 'A <b>walk</b>'")
    page = go_on(old).page()
    assert log_of(page)[3] == "-- Continued from “A <b>walk</b>” with Plain"
    divider = page.one(data_testid="divider")
    assert [name.text for name in divider.all("bdi")] == ["A <b>walk</b>", "Plain"]
    assert (divider["role"], divider["data-profile"]) == ("separator", "plain")
    assert divider["aria-label"] == "Continued from “A <b>walk</b>” with Plain"
    assert column(site.app, "chats.title") == ["A <b>walk</b>"] * 2


def test_a_chat_without_a_title_is_an_earlier_one(site: OverTime) -> None:
    old = Chat.of(site.person(), "rhyme")
    site.offer("plain")
    assert log_of(go_on(old).page())[1] == "-- Continued from an earlier chat with Plain"


def test_what_was_carried_over_is_found_by_searching(site_on_either: OverTime) -> None:
    new = go_on(withdrawn(site_on_either, "Tell me of marmots"))
    found = parse(new.visitor.get("/chats?q=marmots").text)
    assert new.address in [link.get("href") for link in found.all("a")]
    greeted = parse(new.visitor.get("/chats?q=plain").text)
    assert new.address in [link.get("href") for link in greeted.all("a")]


def test_the_new_chat_knows_the_old_one_and_starts_with_values_of_its_own(site: OverTime) -> None:
    old = withdrawn(site)
    run_sql(site.app, 'UPDATE chats SET "values" = \'{"a": 1}\'')
    go_on(old)
    assert [str(i) for i in column(site.app, "chats.continues") if i] == [old.address[-36:]]
    assert sorted(column(site.app, "chats.values"), key=len) == [{}, {"a": 1}]
    assert column(site.app, "chats.written") == [True, True]


def test_errors_and_answers_that_were_tried_again_stay_behind(site: OverTime) -> None:
    chat = withdrawn(site, "one; fail")
    run_sql(site.app, "UPDATE turns SET retried = true")
    assert log_of(go_on(chat).page())[:3] == [
        "Rhyme: Hello from rhyme.",
        "alice: one; fail",
        "-- Continued from “one; fail” with Plain",
    ]


def test_a_message_that_others_took_the_place_of_stays_behind(site: OverTime) -> None:
    chat = withdrawn(site)
    taken = {"turn": uuid.uuid4().hex, "kind": "user"}
    run_sql(site.app, "UPDATE messages SET replaced_by = :turn WHERE kind = :kind", **taken)
    assert "alice: Good morning" not in log_of(go_on(chat).page())


def test_what_broke_off_is_carried_as_it_stands(site: OverTime) -> None:
    chat = withdrawn(site)
    run_sql(site.app, "UPDATE messages SET status = 'streaming' WHERE kind = 'assistant'")
    shown = go_on(chat).page().all(data_testid="message", data_kind="assistant")
    assert [message["data-status"] for message in shown] == ["interrupted"] * 2 + ["complete"]


def test_who_continues_twice_has_two_chats(site: OverTime) -> None:
    old = withdrawn(site)
    first, second = go_on(old), go_on(old, "law")
    assert first.address != second.address
    assert count(site.app, "chats") == 3


def test_a_chat_without_a_word_of_its_user_is_not_replaced_by_its_own_continuation(
    site: OverTime,
) -> None:
    old = Chat.of(site.person(), "rhyme")
    site.offer("plain")
    new = go_on(old)
    assert log_of(old.page()) == ["Rhyme: Hello from rhyme."]
    assert log_of(new.page())[0] == "Rhyme: Hello from rhyme."
    new.visitor.start_chat("plain")
    assert log_of(new.page())[0] == "Rhyme: Hello from rhyme."  # nor by the next one


def test_a_chat_that_came_from_another_can_be_carried_on_again(site: OverTime) -> None:
    second = go_on(withdrawn(site))
    site.offer("law")
    lines = log_of(go_on(second, "law").page())
    assert [line for line in lines if line.startswith("--")] == [
        "-- Continued from “Good morning” with Plain",
        "-- Continued from “Good morning” with Law",
    ]


def test_htmx_gets_the_new_chat_at_its_address(site: OverTime) -> None:
    old = withdrawn(site)
    answer = old.visitor.post(f"{old.address}/continue", {"profile": "plain"}, htmx=True)
    page = parse(answer.text)
    chat_id = page.one(data_testid="chat")["data-chat-id"]
    assert answer.headers["HX-Push-Url"] == f"/chats/{chat_id}"
    assert len(page.all(data_testid="divider")) == 1
    assert page.one(id="profile-selector")


def whole_log_of(chat: Chat) -> list[str]:
    """Return what was said in a chat, page by page from the newest back to the first."""
    lines: list[str] = []
    path = chat.address
    while path:
        page = parse(chat.visitor.get(path).text)
        lines = [*log_of(page), *lines]
        earlier = page.all(data_testid="earlier")
        path = earlier[0]["href"] if earlier else ""
    return lines


def test_a_long_chat_comes_along_whole(site_on_either: OverTime) -> None:
    site = site_on_either
    old = withdrawn(site)
    fill(site, 1_200)
    new = go_on(old)
    lines = whole_log_of(new)
    assert (lines[3], lines[1_202]) == ("Rhyme: number 0", "Rhyme: number 1199")
    assert lines[-2:] == [
        "-- Continued from “Good morning” with Plain",
        "Plain: Hello from plain.",
    ]


def fill(site: OverTime, messages: int) -> None:
    chat = column(site.app, "chats.id")[0]
    for number in range(messages):
        run_sql(
            site.app,
            "INSERT INTO messages (id, chat_id, sequence, kind, content, status, created_at, "
            "profile) SELECT :id, chat_id, :at, 'assistant', :text, status, created_at, profile "
            "FROM messages WHERE chat_id = :chat AND kind = 'assistant' LIMIT 1",
            id=uuid.uuid4().hex,
            at=1_000 + number,
            text=f"number {number}",
            chat=chat.hex,
        )


def test_the_notice_offers_what_there_is_now_the_default_first(site: OverTime) -> None:
    chat = site.chat("rhyme")
    site.offer("plain", ChatProfile("law", "", default=True))
    ways_on = chat.page().one(id="read-only").all("button")
    assert [(b.text, b.get("value")) for b in ways_on] == [
        ("Continue with law", "law"),
        ("Continue with Plain", "plain"),
        ("Start a new chat", None),
    ]
    assert "primary" in ways_on[0].classes


def test_many_profiles_are_a_list(site: OverTime) -> None:
    chat = site.chat("rhyme")
    site.offer(*(f"p{number}" for number in range(9)))
    notice = chat.page().one(id="read-only")
    assert [option["value"] for option in notice.all("option")] == [f"p{n}" for n in range(1, 9)]
    assert notice.all("button")[0]["value"] == "p0"


def test_with_nothing_to_continue_with_there_is_a_new_chat(site: OverTime) -> None:
    chat = site.chat("rhyme")
    site.offer()
    assert [b.text for b in chat.page().one(id="read-only").all("button")] == ["Start a new chat"]


def test_a_name_that_is_not_offered_is_refused(site: OverTime, log: LogReader) -> None:
    chat = withdrawn(site)
    before, heard = every_row(site.app), site.heard
    for name in ("rhyme", "gone", "", "Plain"):
        answer = chat.visitor.post(f"{chat.address}/continue", {"profile": name})
        assert answer.status_code == 403
    assert (every_row(site.app), site.heard) == (before, heard)
    refused = [event["profile"] for event in log.events("profile.refused")]
    assert refused == ["rhyme", "gone", "", "Plain"]


@pytest.mark.parametrize(
    "form", [{}, {"profile": "x" * 201}, {"profile": "plain", "title": "x"}, {"id": "1"}]
)
def test_a_form_that_is_not_ours_is_refused(site: OverTime, form: dict[str, str]) -> None:
    chat = withdrawn(site)
    before = every_row(site.app)
    assert chat.visitor.post(f"{chat.address}/continue", form).status_code == 400
    assert every_row(site.app) == before


def test_a_chat_that_can_go_on_as_it_is_is_not_copied(site: OverTime) -> None:
    chat = site.chat("rhyme")
    answer = chat.visitor.post(f"{chat.address}/continue", {"profile": "plain"})
    assert answer.status_code == 409
    assert "is available again" in answer.text
    assert count(site.app, "chats") == 1


def test_nobody_else_can_continue_a_chat(site: OverTime) -> None:
    chat, bob = withdrawn(site), site.person("bob")
    before, heard = every_row(site.app), site.heard
    assert bob.post(f"{chat.address}/continue", {"profile": "plain"}).status_code == 404
    assert (every_row(site.app), site.heard) == (before, heard)


def test_who_is_not_logged_in_goes_to_the_login_page(site: OverTime) -> None:
    chat = withdrawn(site)
    chat.visitor.post("/logout")
    chat.visitor.forget_token()
    answer = chat.visitor.post(f"{chat.address}/continue", {"profile": "plain"})
    assert answer.location.startswith("/login")


def test_continuing_is_no_link(site: OverTime) -> None:
    chat = withdrawn(site)
    assert chat.visitor.get(f"{chat.address}/continue").status_code == 405


def test_a_deleted_chat_cannot_be_continued(site: OverTime) -> None:
    chat = withdrawn(site)
    run_sql(site.app, "UPDATE chats SET deleted_at = created_at")
    answer = chat.visitor.post(f"{chat.address}/continue", {"profile": "plain"})
    assert answer.status_code == 404


def test_a_chat_that_is_being_answered_cannot_be_continued_yet(site: OverTime) -> None:
    chat = Chat.of(site.person(), "rhyme")
    chat.begin("wait")
    site.offer("plain")
    heard = site.heard
    answer = chat.visitor.post(f"{chat.address}/continue", {"profile": "plain"})
    assert answer.status_code == 409
    assert "still being written" in answer.text
    assert (count(site.app, "chats"), site.heard) == (1, heard)
    site.go_on()
