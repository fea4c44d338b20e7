"""Chat profiles: what is offered, what is chosen, and what becomes of forged names."""

from __future__ import annotations

import pytest

from tests.support.apps import AppMaker
from tests.support.html import Element, parse
from tests.support.log import LogReader
from tests.support.people import HTMX, Visitor
from tests.support.recorder import Recorder
from tests.support.rows import column, every_row
from webapp import ChatProfile

# What Bob may try to get at `admin-only`, which he is not offered, or at nothing at all.
FORGED = [
    "admin-only",
    "Admins",
    "ADMIN-ONLY",
    "Team",
    "team ",
    " team",
    "team\u200b",
    "te\u0430m",
    "\uff54\uff45\uff41\uff4d",
    "admin-only\x00",
    "\x00admin-only",
    "te\u0301am",
    "['team']",
    "team,public",
    '{"$ne": ""}',
    "../team",
    "team'--",
    "%",
    "None",
    "null",
    "default",
    "",
    " ",
    "\x00",
    "x" * 200,
]
LANGUAGES = {
    "fr": "fr",
    "fr-CH, fr;q=0.9, en;q=0.8": "fr-CH",
    "en;q=0.8, pt-br;q=0.9": "pt-BR",
    "zh-hant-tw": "zh-Hant-TW",
    "es-419": "es-419",
    "": "en",
    "*": "en",
    "*, de;q=0.1": "de",
    "fr;q=0": "en",
    "de;q=0, nl;q=0.5": "nl",
    "xx-evil<script>": "en",
    "en-US-u-co-phonebk, sv": "en-US",
    "de-CH-1996, sv": "de-CH",
    "sl-rozaj-biske": "sl",
    "zh-Hans-CN-x-private": "zh-Hans-CN",
    "de--CH, nb": "nb",
    "de-evil<script>, nb": "nb",
    "de-toolongsubtag, nb": "nb",
    "../../etc/passwd, it": "it",
    ";;;,,,q=q": "en",
    "fr;q=nonsense": "en",
    "ف, ar": "ar",
    "de\x00, da": "da",
    "a" * 5_000: "en",
    ",".join(["xxxxx"] * 500): "en",
}


@pytest.fixture
def recorder(make_app: AppMaker) -> Recorder:
    return Recorder(make_app)


@pytest.mark.parametrize("name", FORGED, ids=ascii)
def test_a_name_that_is_not_offered_is_refused_and_logged(
    bob: Visitor, log: LogReader, name: str
) -> None:
    before = every_row(bob.app)
    answer = bob.post("/chats", {"profile": name})
    assert answer.status_code == 403
    assert every_row(bob.app) == before
    refused = log.one("profile.refused")
    assert (refused["user"], refused["profile"]) == ("bob", name.replace("\x00", ""))
    assert refused["ip"] == "127.0.0.1"


@pytest.mark.parametrize("name", ["One", "one ", "missing", "", "x" * 300])
def test_a_forged_name_never_reaches_the_authors_code(recorder: Recorder, name: str) -> None:
    recorder.visitor.start_chat("one")
    assert recorder.visitor.post("/chats", {"profile": name}).status_code in (400, 403)
    assert recorder.started == ["one"]


def test_a_forged_name_leaves_the_earlier_choice(recorder: Recorder) -> None:
    recorder.visitor.start_chat("three")
    recorder.visitor.post("/chats", {"profile": "missing"})
    assert recorder.chosen() == "three"


def test_htmx_hears_that_the_offer_has_changed(bob: Visitor) -> None:
    answer = bob.post("/chats", {"profile": "admin-only"}, htmx=True)
    assert answer.status_code == 403
    assert answer.headers["HX-Trigger"] == "profilesChanged"
    assert "admin-only" in parse(answer.text).one(data_testid="notice").text


def test_everybody_is_offered_their_own_profiles(
    alice: Visitor, bob: Visitor, charlie: Visitor
) -> None:
    assert names(alice) == ["public", "team", "admin-only"]
    assert names(bob) == ["public", "team"]
    assert names(charlie) == []


def test_the_default_is_the_marked_profile(recorder: Recorder) -> None:
    recorder.visitor.start_chat()
    assert recorder.started == ["two"]
    assert recorder.chosen() == "two"


def test_without_a_mark_the_default_is_the_first(recorder: Recorder) -> None:
    recorder.offer("a", "b")
    recorder.visitor.start_chat()
    assert recorder.started == ["a"]


def test_of_several_marked_profiles_the_first_is_the_default(recorder: Recorder) -> None:
    marked = [ChatProfile(name=n, markdown_description="", default=True) for n in ("b", "c")]
    recorder.offer("a", *marked)
    recorder.visitor.start_chat()
    assert recorder.started == ["b"]


def test_a_choice_is_the_default_of_the_next_chat(recorder: Recorder) -> None:
    recorder.visitor.start_chat("three")
    recorder.visitor.start_chat()
    assert recorder.started == ["three", "three"]


def test_a_choice_is_kept_for_this_session_only(recorder: Recorder) -> None:
    recorder.visitor.start_chat("three")
    Visitor(recorder.app).start_chat()
    assert recorder.started == ["three", "two"]


def test_a_chat_keeps_its_profile_for_good(recorder: Recorder) -> None:
    first = recorder.visitor.start_chat("one")
    recorder.offer("two", "three")
    page = parse(recorder.visitor.get(first).text)
    assert page.one(data_testid="chat")["data-profile"] == "one"


def test_a_vanished_choice_gives_way_to_the_default_with_a_notice(recorder: Recorder) -> None:
    recorder.visitor.start_chat("three")
    recorder.offer("one", "two")
    page = parse(recorder.visitor.get("/").text)
    assert "“three” is no longer available" in page.one(data_testid="notice").text
    answer = recorder.visitor.post("/chats", htmx=True)
    assert "“three” is no longer available" in parse(answer.text).one(data_testid="notice").text
    assert recorder.started == ["three", "one"]


def test_a_vanished_choice_is_told_without_javascript_too(recorder: Recorder) -> None:
    recorder.visitor.start_chat("three")
    recorder.offer("one", "two")
    address = recorder.visitor.start_chat()
    notice = parse(recorder.visitor.get(address).text).one(data_testid="notice")
    assert "The profile you chose is no longer available" in notice.text
    assert "pick a different profile" in notice.text
    again = parse(recorder.visitor.get(recorder.visitor.start_chat()).text)
    assert again.all(data_testid="notice") == []


def test_a_notice_sends_nobody_to_a_selector_that_is_not_there(recorder: Recorder) -> None:
    recorder.visitor.start_chat("three")
    recorder.offer("one")
    notice = parse(recorder.visitor.get("/").text).one(data_testid="notice")
    assert "“three” is no longer available" in notice.text
    assert "at the top" not in notice.text


TURNING = "ok\u202eevil"


@pytest.mark.parametrize("htmx", [False, True])
def test_a_refused_name_cannot_turn_the_sentence_it_stands_in(
    recorder: Recorder, *, htmx: bool
) -> None:
    answer = recorder.visitor.post("/chats", {"profile": TURNING}, htmx=htmx)
    assert [e.text for e in parse(answer.text).all("bdi") if "evil" in e.text] == [TURNING]
    field = recorder.visitor.post("/chats", {TURNING: "1"}, htmx=htmx)
    assert [e.text for e in parse(field.text).all("bdi") if "evil" in e.text] == [TURNING]


def test_a_vanished_name_cannot_turn_the_sentence_it_stands_in(recorder: Recorder) -> None:
    recorder.offer(TURNING, "one")
    chat = recorder.visitor.start_chat(TURNING)
    recorder.offer("one", "two")
    for path in (chat, "/"):
        notice = parse(recorder.visitor.get(path).text).one(data_testid="notice")
        assert [e.text for e in notice.all("bdi")] == [TURNING]


def test_hundreds_of_icon_hosts_do_not_make_a_header_that_servers_refuse(
    recorder: Recorder,
) -> None:
    hosts = [f"https://icons-{number}.example" for number in range(400)]
    recorder.offer(*(ChatProfile(h, "", icon=f"{h}/i.png") for h in hosts))
    answer = recorder.visitor.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert len(policy) < 5_000
    # What the policy has no room for is an initial, and no violation of it.
    shown = {picture["src"].removesuffix("/i.png") for picture in parse(answer.text).all("img")}
    assert 50 < len(shown) < 400
    assert all(f" {host}" in policy for host in shown)


def test_the_notice_of_a_vanished_choice_comes_once(recorder: Recorder) -> None:
    recorder.visitor.start_chat("three")
    recorder.offer("one", "two")
    recorder.visitor.post("/chats", htmx=True)
    assert parse(recorder.visitor.get("/").text).all(data_testid="notice") == []


def test_one_profile_is_used_and_shown_as_a_label(recorder: Recorder) -> None:
    recorder.offer("only")
    page = parse(recorder.visitor.get("/").text)
    assert page.all(data_testid="profile-selector") == []
    assert "only" in page.one(id="profile-selector").text
    recorder.visitor.start_chat()
    assert recorder.started == ["only"]


def test_no_profiles_mean_no_selector_and_no_profile(charlie: Visitor) -> None:
    page = parse(charlie.get("/").text)
    assert page.all(data_testid="profile-selector") == []
    assert page.all(data_testid="profile-option") == []
    assert "this is None." in charlie.get(charlie.start_chat()).text
    assert column(charlie.app, "chats.profile") == [None]


def test_no_profiles_refuse_every_name(charlie: Visitor) -> None:
    assert charlie.post("/chats", {"profile": "public"}).status_code == 403


def test_an_app_without_profiles_starts_chats(make_app: AppMaker) -> None:
    app = make_app("""
        import webapp as cl
        @cl.on_chat_start
        def start():
            cl.Message(f"profile {cl.user_session.get('chat_profile')}").send()
    """)
    visitor = Visitor(app)
    assert "profile None" in visitor.get(visitor.start_chat()).text


@pytest.mark.parametrize("returned", ["None", "[]", "()"])
def test_none_and_an_empty_list_mean_nothing_to_pick(make_app: AppMaker, returned: str) -> None:
    visitor = Visitor(make_app(offering(returned)))
    visitor.start_chat()
    assert column(visitor.app, "chats.profile") == [None]


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        ("[P('a'), P('b'), P('a')]", "listed the name 'a' twice"),
        ("[P('a'), P('a\\x00')]", "listed the name 'a' twice"),
        ("[P('')]", "ChatProfile name is empty"),
        ("[P('   ')]", "ChatProfile name is empty"),
        ("[P('\\u200b')]", "ChatProfile name is empty"),
        ("[P(None)]", "ChatProfile name must be text"),
        ("[P('x' * 201)]", "longer than 200 characters"),
        ("P('a')", "returned ChatProfile; return a list of ChatProfile"),
        ("'a'", "returned str; return a list of ChatProfile"),
        ("{'a': P('a')}", "returned dict; return a list of ChatProfile"),
        ("(p for p in [P('a')])", "returned generator; return a list"),
        ("False", "returned bool; return a list"),
        ("['a']", "listed a str; list ChatProfile objects"),
        ("[None]", "listed a NoneType; list ChatProfile objects"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("open('/nowhere/passwords')", "FileNotFoundError"),
        ("__import__('sys').exit(3)", "SystemExit"),
    ],
)
def test_an_offer_that_cannot_be_made_is_an_error_page(
    make_app: AppMaker, log: LogReader, returned: str, says: str
) -> None:
    visitor = Visitor(make_app(offering(returned)))
    answer = visitor.get("/")
    failed = log.one("callback.failed")
    assert answer.status_code == 500
    assert failed["request"] == answer.headers["X-Request-ID"]
    assert failed["request"] in answer.text
    assert says in failed["traceback"]
    assert says not in answer.text
    assert "app_file.py" not in answer.text


@pytest.mark.parametrize("asynchronous", ["", "async "])
def test_a_raising_offer_starts_no_chat(make_app: AppMaker, asynchronous: str) -> None:
    visitor = Visitor(make_app(flaky(asynchronous)))
    visitor.start_chat("a")
    before = every_row(visitor.app)
    with_name = visitor.post("/chats", {"profile": "break"})
    without = visitor.post("/chats", htmx=True)
    assert (with_name.status_code, without.status_code) == (500, 500)
    assert every_row(visitor.app) == before


def test_a_wrong_list_names_the_line_of_the_function(make_app: AppMaker, log: LogReader) -> None:
    app = make_app("""
        import functools
        import webapp as cl
        @cl.set_chat_profiles
        @functools.cache
        def profiles():
            return "a"
    """)
    Visitor(app).get("/")
    assert "ChatProfile (app_file.py:6, in profiles)" in log.one("callback.failed")["traceback"]


ROLES = """
    import webapp as cl
    @cl.set_chat_profiles
    def profiles(current_user):
        {line}
    {login}
"""
LOGIN = "cl.password_auth_callback(lambda name, word: cl.User(name))"
HINT = "current_user is None because there is no @password_auth_callback (app_file.py:5, in "


@pytest.mark.parametrize(
    ("line", "login", "hinted"),
    [
        ("current_user.metadata['role']", "", True),
        ("current_user.metadata.role", LOGIN, False),
        ("None.metadata", LOGIN, False),
        ("raise AttributeError('mine')", "", False),
        ('getattr(cl, "meta" + "data")', "", False),
    ],
)
def test_a_user_that_is_none_for_want_of_a_login_is_explained(
    make_app: AppMaker, log: LogReader, line: str, login: str, hinted: bool
) -> None:
    visitor = Visitor(make_app(ROLES.format(line=line, login=login)))
    (visitor.logged_in("bob") if login else visitor).get("/")
    trace = log.events("callback.failed")[-1]["traceback"]
    assert (HINT in trace) is hinted
    assert "AttributeError" in trace


def test_the_offer_is_asked_for_at_most_once_per_request(recorder: Recorder) -> None:
    visitor = recorder.visitor
    visitor.get("/healthz")
    assert recorder.asked == []
    chat = visitor.start_chat("one")  # fetches a token from GET / first
    calls = len(recorder.asked)
    for path, more in ((chat, {}), ("/profiles", HTMX), ("/", {})):
        visitor.get(path, headers=more)
        calls += 1
        assert len(recorder.asked) == calls
    visitor.post("/chats", {"profile": "two"}, htmx=True)
    assert len(recorder.asked) == calls + 1


@pytest.mark.parametrize(("header", "language"), LANGUAGES.items(), ids=lambda v: ascii(v)[:30])
def test_the_language_is_the_browsers_best_match(
    recorder: Recorder, header: str, language: str
) -> None:
    headers = {"Accept-Language": header.encode().decode("latin-1")}
    assert recorder.visitor.get("/profiles", headers=headers).status_code == 200
    assert recorder.asked[-1] == (None, language)


def test_without_a_language_header_it_is_english(recorder: Recorder) -> None:
    recorder.visitor.get("/profiles")
    assert recorder.asked[-1] == (None, "en")


@pytest.mark.parametrize(
    ("parameters", "returned"),
    [
        ("", "'none'"),
        ("user", "user.identifier"),
        ("user, language", "f'{user.identifier} {language}'"),
        ("user, language='xx'", "f'{user.identifier} {language}'"),
        ("*everything", "f'{everything[0].identifier} {everything[1]}'"),
        ("user, /", "user.identifier"),
    ],
)
@pytest.mark.parametrize("asynchronous", ["", "async "])
def test_the_callback_gets_what_it_has_parameters_for(
    make_app: AppMaker, asynchronous: str, parameters: str, returned: str
) -> None:
    app = make_app(f"""
        import webapp as cl
        @cl.set_chat_profiles
        {asynchronous}def profiles({parameters}):
            name = {returned}
            return [cl.ChatProfile(name, ""), cl.ChatProfile("other", "")]
        cl.password_auth_callback(lambda name, word: cl.User(identifier=name))
    """)
    expected = {"'none'": "none", "user.identifier": "bob"}.get(returned, "bob fr")
    page = Visitor(app).logged_in("bob").get("/", headers={"Accept-Language": "fr"})
    assert [o["data-profile"] for o in options(page.text)] == [expected, "other"]


@pytest.mark.parametrize("where", ["set_chat_profiles", "on_chat_start"])
def test_the_author_cannot_change_who_is_logged_in_by_accident(
    make_app: AppMaker, where: str
) -> None:
    app = make_app(f"""
        import webapp as cl
        def change(user):
            user.metadata["role"] = user.metadata["deep"]["role"] = "ADMIN"
        @cl.set_chat_profiles
        def profiles(user):
            seen = [user.metadata["role"], user.metadata["deep"]["role"]]
            if "{where}" == "set_chat_profiles":
                change(user)
            return [cl.ChatProfile(name, "") for name in dict.fromkeys(seen)]
        @cl.on_chat_start
        def start():
            if "{where}" == "on_chat_start":
                change(cl.user_session.get("user"))
        @cl.password_auth_callback
        def auth(name, word):
            return cl.User(name, metadata={{"role": "USER", "deep": {{"role": "USER"}}}})
    """)
    bob = Visitor(app).logged_in("bob")
    bob.start_chat("USER")
    page = parse(bob.get("/").text)
    assert "USER" in page.one(id="profile-selector").text
    assert "ADMIN" not in page.text


def test_the_selector_shows_label_description_icon_and_choice(make_app: AppMaker) -> None:
    visitor = Visitor(make_app("simple.py"))
    visitor.start_chat("GPT-4")
    first, second = options(visitor.get("/profiles").text)
    assert (first["aria-checked"], second["aria-checked"]) == ("false", "true")
    assert (second["name"], second["value"]) == ("profile", "GPT-4")
    assert second.one(data_testid="profile-description").one("strong").text == "GPT-4"
    assert second.one("img")["src"] == "https://picsum.photos/250"


def test_a_profile_without_icon_shows_its_initial(alice: Visitor) -> None:
    option = next(o for o in options(alice.get("/").text) if o["data-profile"] == "admin-only")
    assert option.all("img") == []
    assert option.with_class("icon")[0].text.strip() == "A"
    assert option.with_class("option-label")[0].text == "Admins"


@pytest.mark.parametrize(
    ("icon", "src"),
    [
        ("https://a.example/i.png", "https://a.example/i.png"),
        ("http://a.example:8080/i.png", "http://a.example:8080/i.png"),
        ("/public/i.svg", "/public/i.svg"),
        ("public/i.svg", "/public/i.svg"),
        ("/public/a b.svg", "/public/a%20b.svg"),
        ("javascript:alert(1)", None),
        ("data:image/png;base64,AAAA", None),
        ("//evil.example/i.png", None),
        ("https://a.example;script-src *", None),
        ("https://a.example 'unsafe-inline'/i.png", None),
        ("https://user:word@a.example/i.png", None),
        ("https://[::1/i.png", None),
        ("https:///i.png", None),
        ("file:///etc/passwd", None),
        ("i.svg", None),
        ("", None),
    ],
)
def test_an_icon_is_a_url_or_a_public_file(recorder: Recorder, icon: str, src: str | None) -> None:
    recorder.offer(ChatProfile(name="x", markdown_description="", icon=icon))
    answer = recorder.visitor.get("/profiles", headers=HTMX)
    assert [i["src"] for i in parse(answer.text).all("img")] == ([src] if src else [])
    origins = answer.headers["Content-Security-Policy"].partition("img-src ")[2].partition(";")[0]
    outside = src is not None and "://" in src
    assert origins.split() == [
        "'self'",
        *(["/".join((src or "").split("/")[:3])] if outside else []),
    ]


def options(html: str) -> list[Element]:
    return parse(html).all(data_testid="profile-option")


def names(visitor: Visitor) -> list[str]:
    return [option["data-profile"] for option in options(visitor.get("/").text)]


def offering(returned: str) -> str:
    return f"""
import webapp as cl
def P(name):
    return cl.ChatProfile(name=name, markdown_description="")
@cl.set_chat_profiles
def profiles():
    return {returned}
"""


def flaky(asynchronous: str) -> str:
    return f"""
import webapp as cl
calls = []
@cl.set_chat_profiles
{asynchronous}def profiles():
    calls.append(1)
    if len(calls) > 2:
        raise RuntimeError("the price list is down")
    return [cl.ChatProfile("a", ""), cl.ChatProfile("break", "")]
"""
