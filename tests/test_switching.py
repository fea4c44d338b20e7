"""A chat goes on with another profile: because its user chooses it, or because the app does."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import Element, parse
from tests.support.log import LogReader
from tests.support.over_time import SOURCE, OverTime, log_of
from tests.support.people import Visitor
from tests.support.rows import column, count, every_row, run_sql
from tests.test_editing import edit
from webapp import ChatProfile
from webapp.authoring.context import running_chat
from webapp.authoring.errors import AppFileError, AuthoringError, MisuseError
from webapp.authoring.loading.loader import load_chat_app
from webapp.authoring.profiles.profile_switch import set_profile_switching, switch_profile
from webapp.authoring.transcript import Transcript
from webapp.turns.beginning import store_begun_turn

KEY = "0a5a25a1-5f0b-4a1c-9d3c-0d2f6a8f3b11"
HERE = 'cl.set_profile_switching("continue")'
GREETING = "Plain: Hello from plain."


@pytest.fixture
def site(make_app: AppMaker) -> OverTime:
    """Return the app in which a choice goes on in the chat."""
    return OverTime(make_app, HERE)


@pytest.fixture
def site_on_either(either_url: str, tmp_path: Path) -> Iterator[OverTime]:
    """Return it on each database."""
    with AppMaker.in_folder(tmp_path, either_url) as maker:
        yield OverTime(maker, HERE)


def choose(chat: Chat, profile: str) -> int:
    return chat.visitor.post(f"{chat.address}/profile", {"profile": profile}).status_code


def selector_of(page: Element) -> tuple[str, str, str]:
    """Return what the selector says is chosen, where a choice goes, and what it says of that."""
    panel = page.one(id="profile-panel")
    chosen = panel.one(role="radio", aria_checked="true")["data-profile"]
    return chosen, panel.one("form")["action"], panel.with_class("small")[0].text


def test_without_a_word_of_the_app_a_choice_starts_a_new_chat(make_app: AppMaker) -> None:
    chat = OverTime(make_app).chat("plain")
    says = "Choosing one starts a new chat."
    assert selector_of(chat.page()) == ("plain", "/chats", says)


def test_a_chat_without_a_word_of_its_user_starts_anew(site: OverTime) -> None:
    chat = Chat.of(site.person(), "plain")
    says = "Choosing one starts a new chat."
    assert selector_of(chat.page()) == ("plain", "/chats", says)


def test_a_chat_goes_on_with_what_its_user_chooses(site_on_either: OverTime) -> None:
    chat = site_on_either.chat("plain")
    says = "Choosing one goes on in this chat with it."
    assert selector_of(chat.page()) == ("plain", f"{chat.address}/profile", says)
    assert choose(chat, "rhyme") == 303
    chat.say("And now?")
    assert log_of(chat.page()) == [
        GREETING,
        "alice: Good morning",
        "Plain: plain: Good morning",
        "-- Now with Rhyme",
        "alice: And now?",
        "Rhyme: rhyme: And now?",
    ]
    assert selector_of(chat.page())[0] == "rhyme"
    assert count(site_on_either.app, "chats") == 1


def test_the_divider_is_no_message_and_is_read_out(site: OverTime) -> None:
    chat = site.chat("plain")
    choose(chat, "rhyme")
    divider = chat.page().one(data_testid="divider")
    assert (divider["role"], divider["aria-label"]) == ("separator", "Now with Rhyme")
    assert (divider["data-profile"], divider.one("img")["src"]) == ("rhyme", "/public/rhyme.svg")
    assert "message" not in divider.classes


def test_the_next_chat_starts_with_the_choice(site: OverTime) -> None:
    chat = site.chat("plain")
    choose(chat, "law")
    chat.visitor.start_chat()
    assert site.heard[-1] == ("law", "start")


def test_the_app_knows_nothing_of_dividers_in_the_history(site: OverTime) -> None:
    chat = site.chat("plain")
    choose(chat, "rhyme")
    chat.say("And now?")
    said = ["Hello from plain.", "Good morning", "plain: Good morning", "And now?"]
    assert site.histories[-1] == said


def test_choices_without_a_message_in_between_are_one(site_on_either: OverTime) -> None:
    chat = site_on_either.chat("plain")
    choose(chat, "rhyme")
    choose(chat, "law")
    assert log_of(chat.page())[3:] == ["-- Now with Law"]
    assert selector_of(chat.page())[0] == "law"


def test_a_choice_that_is_taken_back_leaves_no_divider(site_on_either: OverTime) -> None:
    chat = site_on_either.chat("plain")
    choose(chat, "rhyme")
    choose(chat, "plain")
    assert log_of(chat.page())[3:] == []
    assert log_of(chat.say("On").page())[-1] == "Plain: plain: On"


def test_the_profile_that_it_is_under_changes_nothing(site: OverTime) -> None:
    chat = site.chat("plain")
    before = every_row(site.app)
    assert choose(chat, "plain") == 303
    assert every_row(site.app)["chats"] == before["chats"]
    assert every_row(site.app)["messages"] == before["messages"]


def test_htmx_gets_the_chat_the_selector_and_words_to_say(site: OverTime) -> None:
    chat = site.chat("plain")
    answer = chat.visitor.post(f"{chat.address}/profile", {"profile": "rhyme"}, htmx=True)
    page = parse(answer.text)
    assert page.one(data_testid="chat")["data-profile"] == "rhyme"
    assert page.one(id="profile-selector")["hx-swap-oob"] == "outerMorph"
    assert page.one("hx-partial", hx_target="#spoken").text == "Now with Rhyme"
    assert answer.headers["HX-Retarget"] == "#chat"


def test_a_withdrawn_profile_is_left_in_the_same_chat(site: OverTime) -> None:
    chat = site.chat("rhyme")
    site.offer("plain", "law")
    assert choose(chat, "law") == 303
    assert log_of(chat.say("Go on").page())[-3:] == [
        "-- Now with Law",
        "alice: Go on",
        "Law: law: Go on",
    ]
    assert log_of(chat.page())[0] == "Rhyme: Hello from rhyme."


def test_after_a_choice_its_profile_must_be_offered(site: OverTime) -> None:
    chat = site.chat("plain")
    choose(chat, "rhyme")
    site.offer("plain", "law")
    heard = site.heard
    answer = chat.visitor.post(f"{chat.address}/messages", {"content": "On", "key": KEY})
    assert (answer.status_code, site.heard) == (403, heard)


def test_a_name_that_is_not_offered_is_refused(site: OverTime, log: LogReader) -> None:
    chat = site.chat("plain")
    before, heard = every_row(site.app), site.heard
    assert [choose(chat, name) for name in ("gone", "", "Rhyme")] == [403] * 3
    assert (every_row(site.app), site.heard) == (before, heard)
    assert len(log.events("profile.refused")) == 3


@pytest.mark.parametrize("form", [{}, {"profile": "x" * 201}, {"profile": "law", "owner": "x"}])
def test_a_form_that_is_not_ours_is_refused(site: OverTime, form: dict[str, str]) -> None:
    chat = site.chat("plain")
    before = every_row(site.app)
    assert chat.visitor.post(f"{chat.address}/profile", form).status_code == 400
    assert every_row(site.app) == before


def test_nobody_else_can_switch_a_chat_or_see_its_selector(site: OverTime) -> None:
    chat, bob = site.chat("plain"), site.person("bob")
    before = every_row(site.app)
    assert bob.post(f"{chat.address}/profile", {"profile": "law"}).status_code == 404
    assert bob.get(f"{chat.address}/profile").status_code == 404
    assert every_row(site.app) == before


def test_who_is_not_logged_in_goes_to_the_login_page(site: OverTime) -> None:
    chat = site.chat("plain")
    chat.visitor.post("/logout")
    chat.visitor.forget_token()
    answer = chat.visitor.post(f"{chat.address}/profile", {"profile": "law"})
    assert answer.location.startswith("/login")


def test_other_methods_are_not_taken(site: OverTime) -> None:
    chat = site.chat("plain")
    assert chat.visitor.client.put(f"{chat.address}/profile").status_code in (400, 405)
    assert chat.visitor.client.delete(f"{chat.address}/profile").status_code in (400, 405)
    assert chat.visitor.get(f"{chat.address}/profile").location == chat.address


def test_a_deleted_chat_cannot_be_switched(site: OverTime) -> None:
    chat = site.chat("plain")
    run_sql(site.app, "UPDATE chats SET deleted_at = created_at")
    assert choose(chat, "law") == 404


def test_an_app_in_which_chats_keep_their_profile_refuses(make_app: AppMaker) -> None:
    site = OverTime(make_app)
    chat = site.chat("plain")
    before = every_row(site.app)
    answer = chat.visitor.post(f"{chat.address}/profile", {"profile": "law"}, htmx=True)
    assert answer.status_code == 409
    assert "keeps the profile" in answer.text
    assert every_row(site.app) == before


def test_while_an_answer_is_written_nothing_is_switched(site: OverTime) -> None:
    chat = Chat.of(site.person(), "plain")
    chat.begin("wait")
    answer = chat.visitor.post(f"{chat.address}/profile", {"profile": "law"}, htmx=True)
    assert answer.status_code == 409
    assert parse(answer.text).one(data_testid="notice")
    assert "still being written" in answer.text
    site.go_on()
    assert log_of(chat.until_answered().page())[-1] == "alice: wait"


def test_a_turn_that_died_does_not_keep_a_chat(site_on_either: OverTime) -> None:
    chat = site_on_either.chat("plain")
    long_ago = "2020-01-01 00:00:00"
    run_sql(site_on_either.app, "UPDATE turns SET status = 'running', seen_at = :at", at=long_ago)
    run_sql(site_on_either.app, "UPDATE chats SET turn_id = (SELECT id FROM turns)")
    assert choose(chat, "law") == 303
    assert column(site_on_either.app, "turns.status") == ["interrupted"]


def test_an_idle_page_hears_of_a_choice_made_elsewhere(site: OverTime) -> None:
    chat = site.chat("plain")
    news = chat.page().one(id="turn")["hx-get"]
    ask = {"headers": {"HX-Request": "true"}}
    assert chat.visitor.get(news, **ask).status_code == 204
    choose(chat, "rhyme")
    assert log_of(parse(chat.visitor.get(news, **ask).text))[-1] == "-- Now with Rhyme"


def test_the_first_message_lets_the_page_ask_for_its_selector(site: OverTime) -> None:
    chat = Chat.of(site.person(), "plain")
    answer = say(chat, "Good morning")
    asks = parse(answer).one("hx-partial", hx_target="#profile-selector").one("span")["hx-get"]
    assert asks == f"{chat.address}/profile"
    drawn = chat.visitor.get(asks, headers={"HX-Request": "true"})
    says = "Choosing one goes on in this chat with it."
    assert selector_of(parse(drawn.text)) == ("plain", f"{chat.address}/profile", says)
    assert not parse(say(chat, "Again")).all("hx-partial", hx_target="#profile-selector")


def say(chat: Chat, content: str) -> str:
    """Say something as htmx does, and return all that comes of it."""
    form = {"content": content, "key": str(uuid.uuid4())}
    return chat.visitor.post(f"{chat.address}/messages", form, htmx=True).text


@pytest.mark.parametrize("way", ["switch", "await", "thread"])
def test_the_app_goes_on_under_another_profile(site_on_either: OverTime, way: str) -> None:
    chat = site_on_either.chat("plain", f"before; {way} rhyme; after")
    assert log_of(chat.page())[2:] == [
        "Plain: plain: before",
        "-- Now with Rhyme",
        "Rhyme: rhyme: after",
    ]
    assert chat.page().one(data_testid="chat")["data-profile"] == "rhyme"
    assert log_of(chat.say("On").page())[-1] == "Rhyme: rhyme: On"
    assert sorted(column(site_on_either.app, "chats.snapshots")[0]) == ["plain", "rhyme"]


def test_the_app_may_switch_before_it_says_anything(site_on_either: OverTime) -> None:
    chat = site_on_either.chat("plain", "switch rhyme; after")
    assert log_of(chat.page())[2:] == ["-- Now with Rhyme", "Rhyme: rhyme: after"]


def test_the_app_may_switch_and_say_nothing(site: OverTime) -> None:
    chat = site.chat("plain", "switch rhyme")
    assert log_of(chat.page())[2:] == ["-- Now with Rhyme"]
    assert chat.page().one(data_testid="chat")["data-profile"] == "rhyme"


def test_switches_of_the_app_without_a_message_in_between_are_one(site: OverTime) -> None:
    chat = site.chat("plain", "switch rhyme; switch law; after")
    assert log_of(chat.page())[2:] == ["-- Now with Law", "Law: law: after"]


def test_a_switch_that_the_app_takes_back_is_none(site: OverTime) -> None:
    chat = site.chat("plain", "one; switch rhyme; switch plain; two")
    assert log_of(chat.page())[2:] == ["Plain: plain: one", "Plain: plain: two"]
    assert chat.page().one(data_testid="chat")["data-profile"] == "plain"


def test_the_profile_that_the_app_is_under_changes_nothing(site: OverTime) -> None:
    assert log_of(site.chat("plain", "switch plain; x").page())[2:] == ["Plain: plain: x"]


def test_a_switch_of_the_app_stays_when_the_callback_fails(site: OverTime) -> None:
    chat = site.chat("plain", "switch rhyme; after; fail")
    [*_, divider, after, error] = log_of(chat.page())
    assert (divider, after) == ("-- Now with Rhyme", "Rhyme: rhyme: after")
    assert error.startswith("Rhyme: Something went wrong")
    assert chat.page().one(data_testid="chat")["data-profile"] == "rhyme"


def test_a_switch_is_there_while_the_answer_is_written(site: OverTime) -> None:
    chat = Chat.of(site.person(), "plain")
    chat.begin("one; switch rhyme; wait; two")
    chat.until(lambda: "-- Now with Rhyme" in log_of(chat.page()))
    drawn = chat.visitor.get(f"{chat.address}/profile", headers={"HX-Request": "true"})
    assert selector_of(parse(drawn.text))[0] == "rhyme"
    site.go_on()
    assert log_of(chat.until_answered().page())[-1] == "Rhyme: rhyme: two"


def test_a_page_that_asks_now_and_again_gets_the_divider(make_app: AppMaker) -> None:
    site = OverTime(make_app, HERE, streaming="poll")
    chat = Chat.of(site.person(), "plain")
    answer = parse(say(chat, "one; switch rhyme; wait"))
    asks = answer.one(id="turn")["hx-get"]
    site.go_on()
    chat.until_answered()
    told = parse(chat.visitor.get(asks, headers={"HX-Request": "true"}).text)
    assert told.one(data_testid="divider")["data-profile"] == "rhyme"
    assert told.one("hx-partial", hx_target="#profile-selector")


def test_a_quick_answer_brings_the_divider_and_lets_the_selector_follow(site: OverTime) -> None:
    chat = site.chat("plain")
    answer = parse(say(chat, "switch rhyme; after"))
    assert answer.one(data_testid="divider")["aria-label"] == "Now with Rhyme"
    assert answer.one("hx-partial", hx_target="#profile-selector")


def test_a_first_answer_that_switches_stands_in_the_list_with_its_profile(site: OverTime) -> None:
    chat = Chat.of(site.person(), "plain")
    answer = parse(say(chat, "one; switch rhyme; after"))
    [link] = answer.one(data_testid="history-item").with_class("item-link")
    assert (link["title"] or "").endswith(" · Rhyme")


def test_an_edit_that_leads_to_another_profile_lets_the_page_follow(make_app: AppMaker) -> None:
    chat = OverTime(make_app, HERE, streaming="inline").chat("plain")
    page = parse(edit(chat, "switch rhyme; after", htmx=True).text)
    assert page.one(data_testid="chat")["data-profile"] == "rhyme"
    assert page.one("hx-partial", hx_target="#profile-selector")


def test_a_chat_may_start_under_one_profile_and_go_on_under_another(make_app: AppMaker) -> None:
    again = """
def start_with_two() -> None:
    cl.Message("One.").send()
    cl.switch_profile("rhyme")
    cl.Message("Two.").send()
"""
    source = SOURCE.replace("@cl.on_chat_start\n", "") + "\n\n@cl.on_chat_start" + again
    app = make_app(source)
    chat = Chat.of(Visitor(app).logged_in("alice"), "plain")
    assert log_of(chat.page()) == ["Plain: One.", "-- Now with Rhyme", "Rhyme: Two."]
    assert column(app, "chats.profile") == ["rhyme"]
    assert sorted(column(app, "chats.snapshots")[0]) == ["plain", "rhyme"]


def test_a_name_that_the_user_is_not_offered_is_told_to_the_author(site: OverTime) -> None:
    chat = site.chat("plain", "switch Rhyme")
    [problem] = site.problems
    assert problem.startswith("switch_profile('Rhyme'): this user is not offered that profile.")
    assert "'plain', 'rhyme', 'law'" in problem
    assert "Rhyme" not in chat.page().all(data_kind="error")[0].text
    assert chat.page().all(data_testid="divider") == []


def test_an_app_without_profiles_is_told_so(make_app: AppMaker, log: LogReader) -> None:
    app = make_app("""
        import webapp as cl

        @cl.on_message
        def answer():
            cl.switch_profile("any")
    """)
    Chat(app).say("Hello")
    assert "there are no profiles for this user" in log.text


def test_other_callbacks_are_told_where_it_works(site: OverTime) -> None:
    chat = Chat.of(site.person(), "plain")
    chat.begin("wait")
    chat.stop()
    chat.until(lambda: bool(site.problems))
    assert "@on_chat_start, @on_message and @on_chat_resume" in site.problems[0]


def test_outside_a_chat_it_is_told_where_it_works() -> None:
    with pytest.raises(MisuseError, match="outside a chat"):
        switch_profile("rhyme")


def test_a_message_keeps_its_face_when_it_is_changed_after_a_switch(make_app: AppMaker) -> None:
    source = SOURCE.replace("HISTORY.append(cl.chat_history())\n    for part", "for part").replace(
        "        case _:\n",
        '        case "keep":\n            KEPT.append(cl.Message("first").send())\n'
        '        case "change":\n            KEPT[0].content = "second"\n'
        "            KEPT[0].update()\n        case _:\n",
    )
    app = make_app(source + "\nKEPT: list[cl.Message] = []\n")
    chat = Chat.of(Visitor(app).logged_in("alice"), "plain").say("keep; switch rhyme")
    chat.say("change; done")
    assert log_of(chat.page())[2] == "Plain: second"


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('cl.set_profile_switching("later")', 'takes "new" or "continue", not \'later\''),
        ("cl.set_profile_switching(None)", 'takes "new" or "continue", not None'),
        (f"{HERE}\n{HERE}", "is used twice"),
    ],
)
def test_misuse_is_told_when_the_file_is_loaded(tmp_path: Path, lines: str, says: str) -> None:
    file = tmp_path / "app.py"
    file.write_text(f"import webapp as cl\n{lines}\n")
    with pytest.raises(AppFileError, match=re.escape(says)):
        load_chat_app(file)


def test_outside_an_app_file_it_cannot_be_set() -> None:
    with pytest.raises(AuthoringError, match=r"set_profile_switching\(\) was used outside"):
        set_profile_switching("new")


def test_new_is_what_happens_anyway(make_app: AppMaker) -> None:
    chat = OverTime(make_app, 'cl.set_profile_switching("new")').chat("plain")
    assert selector_of(chat.page())[1] == "/chats"


def test_labels_and_titles_with_odd_characters_stay_apart(site: OverTime) -> None:
    odd = "<i>\u202eodd"
    site.offer("plain", ChatProfile("odd", "", display_name=odd))
    chat = site.chat("plain")
    choose(chat, "odd")
    divider = chat.page().one(data_testid="divider")
    assert divider.one("bdi").text == odd
    assert divider["aria-label"] == f"Now with {odd}"


def test_a_message_that_meets_a_switch_is_not_answered_by_the_profile_before(
    site: OverTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = site.chat("plain")

    def switched_meanwhile(*arguments: object) -> None:
        run_sql(site.app, "UPDATE chats SET profile = 'law'")
        store_begun_turn(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("webapp.turns.asking.store_begun_turn", switched_meanwhile)
    heard = site.heard
    answer = chat.visitor.post(f"{chat.address}/messages", {"content": "On", "key": KEY})
    assert (answer.status_code, site.heard) == (409, heard)
    assert "has just been continued with another profile" in answer.text
    assert parse(answer.text).one(id="composer-input").text.strip() == "On"


def test_no_divider_is_seen_before_the_chat_is_under_its_profile(
    make_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch, seen = Transcript.switch, []
    lookers: list[Thread] = []

    def looked_at(transcript: Transcript, *arguments: str) -> None:
        switch(transcript, *arguments)
        chat = running_chat("a test")
        look = Thread(target=lambda: seen.append((len(transcript.said()), chat.chat_profile)))
        look.start()
        look.join(0.2)
        lookers.append(look)

    monkeypatch.setattr(Transcript, "switch", looked_at)
    app = make_app("""
        import webapp as cl

        @cl.set_chat_profiles
        def profiles():
            return [cl.ChatProfile(name, "") for name in ("one", "two")]

        @cl.on_chat_start
        def start():
            cl.switch_profile("two")
    """)
    Chat(app, "one").until_answered()
    [looker] = lookers
    looker.join()
    assert seen == [(1, "two")]
