"""What lies beside the app file for its looks: colours, pictures, a readme, Chainlit's settings."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.log import LogReader
from tests.support.people import Visitor
from webapp.authoring.loading.loader import load_chat_app

APP = """
import webapp as cl

@cl.on_message
def answer(message):
    cl.Message("Hello", author="My App v1.2").send()
    cl.Message("Hi").send()
"""
EDITS = (
    APP
    + """
@cl.set_chat_profiles
def profiles():
    own = {"features": {"edit_message": True}}
    return [cl.ChatProfile("Site", ""), cl.ChatProfile("Own", "", config_overrides=own)]
"""
)
PICTURE = b"\x89PNG\r\n\x1a\n"
RIGHT_TO_LEFT = "\u202e"
TEN_MEGABYTES = "x" * 10_000_000
Make = Callable[..., Flask]


@pytest.fixture
def make(make_app: AppMaker) -> Make:
    """Return `make(files, app)`, which makes an app with files beside it."""

    def with_files(files: dict[str, str | bytes], app: str = APP) -> Flask:
        for name, content in files.items():
            path = make_app.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return make_app(app)

    return with_files


def first_page(app: Flask, **headers: str) -> str:
    response = Visitor(app).get("/", headers=headers, follow_redirects=True)
    assert response.status_code == 200
    return response.text


def problems(log: LogReader) -> list[str]:
    return [event["problem"] for event in log.events("looks.problem")]


def theme(**variables: dict[str, str]) -> str:
    return json.dumps({"variables": variables})


def test_without_such_files_a_page_has_none_of_it(make: Make) -> None:
    app = make({})
    page = first_page(app)
    for word in ("colours.css", "readme", "<picture", 'name="description"', "/public/"):
        assert word not in page
    assert Visitor(app).get("/readme").status_code == 404
    assert Visitor(app).get("/colours.css").status_code == 404


class TestColours:
    def test_the_variables_of_chainlit_set_our_tokens(self, make: Make) -> None:
        app = make(
            {
                "public/theme.json": theme(
                    light={"--background": "0 100% 50%", "--primary": "340 92% 52%"},
                    dark={"--background": "100 100% 50% / 0.5", "--font-sans": "'My Font', serif"},
                )
            }
        )
        page = first_page(app)
        address = page.split('href="/colours.css?v=')[1].split('"')[0]
        response = Visitor(app).get(f"/colours.css?v={address}")
        assert response.mimetype == "text/css"
        assert response.cache_control.max_age == 31_536_000
        for rule in (
            "--ground:light-dark(hsl(0 100% 50%),hsl(100 100% 50% / 0.5))",
            "@media (prefers-color-scheme:light){:root{--accent:hsl(340 92% 52%)",
            "--accent-soft:color-mix(",
            "@media (prefers-color-scheme:dark){:root{--sans:'My Font', serif}}",
        ):
            assert rule in response.text
        # After the stylesheet that it changes, and before that of the author.
        assert page.index("app.css") < page.index("colours.css")

    @pytest.mark.parametrize(
        "value",
        [
            "red;}body{display:none",
            "url(https://evil.example/x)",
            "0 100% 50%;} @import 'x",
            "expression(1)",
            f"#fff{RIGHT_TO_LEFT}",
            "</style><script>",
            "",
            "0 100",
            "#ffffff\n}",
            "9" * 1000,
            17,
            None,
            [],
        ],
    )
    def test_what_is_no_colour_is_named_in_the_log_and_left_out(
        self, make: Make, log: LogReader, value: object
    ) -> None:
        light = {"--background": value, "--border": "#ABCDEF"}
        app = make({"public/theme.json": json.dumps({"variables": {"light": light}})})
        [problem] = problems(log)
        assert problem.startswith("public/theme.json: --background of light is no colour: ")
        assert problem.isascii()
        assert len(problem) < 150
        styles = Visitor(app).get("/colours.css").text
        assert styles == "@media (prefers-color-scheme:light){:root{--line:#ABCDEF}}\n"

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            ("{", "public/theme.json is not JSON, so it is not used: "),
            ("[1]", 'public/theme.json has no object "variables"'),
            ('{"variables": 1}', 'public/theme.json has no object "variables"'),
            ('{"variables": {"light": 1}}', "public/theme.json: light is no object"),
            ("[" * 50_000, "public/theme.json is not JSON"),
            (TEN_MEGABYTES, "public/theme.json is larger than 100,000 bytes"),
            (b"\xff\xfe", "public/theme.json is not UTF-8"),
            (theme(light={"--font-sans": "x'; } a {"}), "--font-sans of light is no font"),
            (theme(light={"--radius": "1rem;}"}), "--radius of light is no length"),
            (theme(light={f"--x{RIGHT_TO_LEFT}": "1"}), "mean nothing here: '--x'"),
            ('{"variables": {}, "custom_fonts": ["https://x.example"]}', "are not loaded"),
        ],
        ids=range(11),
    )
    def test_a_bad_file_is_a_line_of_the_log_and_the_site_serves(
        self, make: Make, log: LogReader, content: str | bytes, problem: str
    ) -> None:
        app = make({"public/theme.json": content})
        assert problem in problems(log)[0]
        assert "colours.css" not in first_page(app)


class TestSettingsOfChainlit:
    def test_name_and_description_are_those_of_the_site(self, make: Make) -> None:
        text = f'[UI]\nname = "Shop{RIGHT_TO_LEFT}\\n Help"\ndescription = "Ask \\"me\\""\n'
        page = first_page(make({".chainlit/config.toml": text}))
        assert "<title>Shop Help</title>" in page
        assert '<meta name="description" content="Ask &#34;me&#34;">' in page

    def test_a_setting_of_the_site_wins(self, make: Make, make_app: AppMaker) -> None:
        make({".chainlit/config.toml": '[UI]\nname = "Shop"'})
        assert "<title>Ours</title>" in first_page(make_app(APP, site_name="Ours"))

    def test_uploads_and_steps_are_as_the_file_says(self, tmp_path: Path) -> None:
        app = load_chat_app(self.write(tmp_path, APP))
        assert app.cot == "tool_call"
        assert app.uploads is not None
        assert app.uploads.types == ("image/*", ".csv")
        assert (app.uploads.max_files, app.uploads.max_megabytes) == (3, 7)

    def test_the_app_file_itself_wins(self, tmp_path: Path) -> None:
        lines = f'{APP}\ncl.set_cot("full")\ncl.set_uploads(max_files=9)\n'
        app = load_chat_app(self.write(tmp_path, lines))
        assert app.cot == "full"
        assert app.uploads is not None
        assert app.uploads.max_files == 9

    def write(self, folder: Path, app: str) -> Path:
        (folder / ".chainlit").mkdir()
        (folder / ".chainlit" / "config.toml").write_text(
            '[features.spontaneous_file_upload]\nenabled = true\naccept = ["image/*", ".csv"]\n'
            'max_files = 3\nmax_size_mb = 7\n[UI]\ncot = "tool_call"\n'
        )
        path = folder / "app.py"
        path.write_text(app)
        return path

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            ("[UI", ".chainlit/config.toml is not TOML, so it is not used: "),
            ("x = " + "[" * 50_000, ".chainlit/config.toml is not TOML"),
            (TEN_MEGABYTES, ".chainlit/config.toml is larger than 200,000 bytes"),
            (b'[UI]\nname = "\xff"', ".chainlit/config.toml is not UTF-8 text"),
            ("[UI]\nname = 3", ".chainlit/config.toml: [UI] name must be a text, not 3."),
            ('[UI]\ncot = "x"', '[UI] cot must be "full", "tool_call" or "hidden", not \'x\''),
            ("[UI]\ncot = []", "[UI] cot must be"),
            (
                "[features.spontaneous_file_upload]\nenabled = true\nmax_files = -1",
                "[features] spontaneous_file_upload is not used: max_files of uploads must be",
            ),
            (
                '[features.spontaneous_file_upload]\nenabled = true\nmax_size_mb = "5"',
                "which is max_size_mb in Chainlit's configuration, must be a number above 0, or",
            ),
            (
                '[features.spontaneous_file_upload]\nenabled = "yes"',
                "[features.spontaneous_file_upload] enabled must be true or false, not 'yes'.",
            ),
            (
                "[features]\nspontaneous_file_upload = true",
                "spontaneous_file_upload must be a table with enabled = true, not True.",
            ),
            (
                "[features.spontaneous_file_upload]\nenabled = true\naccept = {a = 1}",
                "accept of uploads must have a list of endings for 'a'",
            ),
        ],
        ids=range(12),
    )
    def test_a_bad_file_is_a_line_of_the_log_and_the_site_serves(
        self, make: Make, log: LogReader, content: str | bytes, problem: str
    ) -> None:
        app = make({".chainlit/config.toml": content})
        assert problem in problems(log)[0]
        assert "<title>Chat Profiles</title>" in first_page(app)

    def test_a_stylesheet_of_public_comes_before_the_theme(self, make: Make) -> None:
        files = {
            ".chainlit/config.toml": '[UI]\ncustom_css = "/public/css/site.css"',
            "public/css/site.css": "a {}",
            "public/theme.css": "b {}",
        }
        page = first_page(make(files))
        assert page.index("app.css") < page.index("/public/css/site.css")
        assert page.index("/public/css/site.css") < page.index("/public/theme.css")

    @pytest.mark.parametrize(
        "path",
        ["https://x.example/a.css", "/public/../app.css", "a.css", "/public/a.css?x", "/a.txt"],
    )
    def test_a_stylesheet_from_elsewhere_is_not_loaded(
        self, make: Make, log: LogReader, path: str
    ) -> None:
        page = first_page(make({".chainlit/config.toml": f'[UI]\ncustom_css = "{path}"'}))
        assert path not in page
        [problem] = problems(log)
        assert "[UI] custom_css must be a file in public" in problem

    def test_a_stylesheet_that_is_not_there_is_told(self, make: Make, log: LogReader) -> None:
        first_page(make({".chainlit/config.toml": '[UI]\ncustom_css = "/public/site.css"'}))
        [problem] = problems(log)
        assert "[UI] custom_css names /public/site.css, which is not there: put the" in problem

    def test_tables_that_are_none_are_no_harm(self, make: Make, log: LogReader) -> None:
        first_page(make({".chainlit/config.toml": "UI = 1\nfeatures = []\n"}))
        assert problems(log) == []


class TestPictures:
    def test_the_logo_stands_in_the_bar_and_above_an_empty_chat(self, make: Make) -> None:
        app = make({"public/logo_light.png": PICTURE, "public/logo_dark.svg": "<svg/>"})
        page = first_page(app)
        logo = (
            '<picture class="logo"><source srcset="/public/logo_dark.svg" '
            'media="(prefers-color-scheme: dark)"><img src="/public/logo_light.png" alt="">'
        )
        assert page.count(logo) == 2
        assert ".logo img" in Visitor(app).get("/colours.css").text

    def test_one_logo_is_enough(self, make: Make) -> None:
        page = first_page(make({"public/logo_dark.png": PICTURE}))
        assert page.count('<img src="/public/logo_dark.png"') == 2

    def test_the_favicon_takes_the_place_of_ours(self, make: Make) -> None:
        page = first_page(make({"public/favicon.ico": PICTURE}))
        assert '<link rel="icon" href="/public/favicon.ico">' in page
        assert "favicon.svg" not in page

    def test_an_author_has_the_picture_that_is_called_so(self, make: Make) -> None:
        app = make({"public/avatars/my_app_v1_2.png": PICTURE})
        chat = Chat(app)
        chat.say("x")
        assert (
            chat.visitor.get(chat.address).text.count('src="/public/avatars/my_app_v1_2.png"') == 1
        )

    @pytest.mark.parametrize("name", ["chat_profiles.svg", "Chat Profiles.svg"])
    def test_without_an_author_it_is_that_of_the_site(self, make: Make, name: str) -> None:
        app = make({f"public/avatars/{name}": "<svg/>"})
        chat = Chat(app)
        chat.say("x")
        assert chat.visitor.get(chat.address).text.count('src="/public/avatars/') == 1

    def test_what_is_no_picture_or_lies_elsewhere_is_not_taken(
        self, make: Make, make_app: AppMaker
    ) -> None:
        outside = make_app.folder / "secret.png"
        outside.write_bytes(PICTURE)
        (make_app.folder / "public" / "avatars").mkdir(parents=True)
        (make_app.folder / "public" / "avatars" / "my_app_v1_2.png").symlink_to(outside)
        (make_app.folder / "public" / "favicon.png").symlink_to(outside)
        page = first_page(make({"public/avatars/chat_profiles.html": "x", "public/logo.png": "x"}))
        assert "/public/" not in page


READMES = {"chainlit.md": "# Welcome\n\nAsk *me*.", "chainlit_pt-BR.md": "# Bem-vindo"}


class TestReadme:
    @pytest.mark.parametrize(
        ("language", "words"),
        [
            ("en", "<h2>Welcome</h2>"),
            ("pt-BR,en;q=0.5", "<h2>Bem-vindo</h2>"),
            ("tlh", "<h2>Welcome</h2>"),
            ("", "<h2>Welcome</h2>"),
        ],
    )
    def test_it_is_shown_in_the_language_of_the_browser(
        self, make: Make, language: str, words: str
    ) -> None:
        app = make(dict(READMES))
        assert 'data-testid="readme"' in first_page(app)
        response = Visitor(app).get("/readme", headers={"Accept-Language": language})
        assert words in response.text
        assert "Accept-Language" in response.headers["Vary"]
        assert "<script" not in response.text

    def test_a_country_finds_the_text_of_its_language(self, make: Make) -> None:
        app = make({"chainlit_fr.md": "Bonjour", "chainlit.md": "Hello"})
        shown = Visitor(app).get("/readme", headers={"Accept-Language": "fr-CA"}).text
        assert 'lang="fr"><p>Bonjour</p>' in shown

    def test_a_text_in_one_language_is_for_all(self, make: Make) -> None:
        app = make({"chainlit_fr.md": "Bonjour"})
        assert "Bonjour" in Visitor(app).get("/readme", headers={"Accept-Language": "de"}).text

    def test_html_and_scripts_are_shown_as_they_were_typed(self, make: Make) -> None:
        app = make({"chainlit.md": "<script>alert(1)</script> [x](javascript:alert(1)) <b>b</b>"})
        page = Visitor(app).get("/readme").text
        assert "<script" not in page
        assert 'href="javascript' not in page

    @pytest.mark.parametrize(
        ("content", "problem"),
        [(TEN_MEGABYTES, "is larger than 200,000 bytes"), (b"\xff", "is not UTF-8 text")],
        ids=["large", "binary"],
    )
    def test_a_bad_file_is_a_line_of_the_log(
        self, make: Make, log: LogReader, content: str | bytes, problem: str
    ) -> None:
        app = make({"chainlit.md": content})
        assert problems(log) == [f"chainlit.md {problem}, so it is not shown."]
        assert "readme" not in first_page(app)

    def test_it_leads_back_to_the_chat_from_which_it_was_opened(self, make: Make) -> None:
        visitor = Visitor(make(dict(READMES)))
        chat = visitor.start_chat()
        assert 'href="/readme"' in visitor.get(chat).text
        here = {"Referer": f"http://localhost{chat}"}
        assert f'<a href="{chat}">Back' in visitor.get("/readme", headers=here).text

    @pytest.mark.parametrize(
        "address",
        [
            "http://evil.example/chats/0b9f1f8a-0000-4000-8000-000000000000",
            "http://localhost/login",
            "http://localhost//evil.example/chats/0b9f1f8a-0000-4000-8000-000000000000",
            "javascript:alert(1)",
            "http://[",
        ],
    )
    def test_from_elsewhere_it_leads_to_a_new_chat(self, make: Make, address: str) -> None:
        visitor = Visitor(make(dict(READMES)))
        shown = visitor.get("/readme", headers={"Referer": address})
        assert '<a href="/">Back' in shown.text

    def test_users_who_must_sign_in_do_so_first(self, make: Make) -> None:
        lines = "\n@cl.password_auth_callback\ndef check(username, password):\n    return None\n"
        response = Visitor(make(dict(READMES), APP + lines)).get("/readme")
        assert response.status_code == 303

    def test_colours_and_width_are_as_the_file_says(self, make: Make) -> None:
        text = '[UI]\ndefault_theme = "dark"\nlayout = "wide"\n'
        app = make({".chainlit/config.toml": text})
        assert "/colours.css?v=" in first_page(app)
        styles = Visitor(app).get("/colours.css").text
        assert ":root{color-scheme:dark}" in styles
        assert "#chat:not([data-layout=default]){--column:72rem}" in styles

    @pytest.mark.parametrize(
        ("line", "problem"),
        [
            ('[UI]\ndefault_theme = "blue"', 'must be "light" or "dark", not'),
            ("[UI]\nlayout = 1", "layout must be a text"),
            ('[features]\nedit_message = "no"', "edit_message must be true or false"),
        ],
    )
    def test_a_value_that_is_none_is_told(
        self, make: Make, log: LogReader, line: str, problem: str
    ) -> None:
        app = make({".chainlit/config.toml": line})
        assert problem in problems(log)[0]
        assert "colours.css" not in first_page(app)
        assert Chat(app).say("Hi").page().all(data_testid="edit") != []

    def test_editing_can_be_off_unless_a_profile_says_so(self, make: Make) -> None:
        app = make({".chainlit/config.toml": "[features]\nedit_message = false"}, EDITS)
        chat = Chat(app, "Site").say("Hi")
        assert chat.page().all(data_testid="edit") == []
        [said] = chat.page().all(data_testid="message", data_kind="user")
        form = {"message": said["data-message-id"], "content": "x", "key": str(uuid.uuid4())}
        refused = chat.visitor.post(f"{chat.address}/edit", form)
        assert (refused.status_code, "stays as it was sent" in refused.text) == (409, True)
        assert Chat(app, "Own").say("Hi").page().all(data_testid="edit") != []
