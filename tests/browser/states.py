"""What the page can look like: each state by name, with the way there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from tests.browser.site import Site
from tests.browser.steps import (
    answer,
    ask,
    choose,
    composer,
    ended,
    log_in,
    messages,
    notices,
    open_chat,
    open_selector,
    open_settings,
    scripts_loaded,
    scroll_to,
    started,
    wait_until,
)
from tests.support.exports import store_chat
from tests.support.rows import fill, run_sql
from tests.test_history import many_chats
from webapp.chats.models import Chat
from webapp.database.engines import db, utc_now

Visit = Callable[[Page, Site], None]


@dataclass(frozen=True)
class State:
    """A state of the page, on the site of an app file of tests/apps."""

    app_file: str
    visit: Visit


def _login(page: Page, site: Site) -> None:
    page.goto(f"{site}/login")


def _login_refused(page: Page, site: Site) -> None:
    log_in(page, site, "nobody", "wrong")
    expect(page.get_by_role("alert")).to_be_visible()


def _login_by_proxy(page: Page, site: Site) -> None:
    page.goto(f"{site}/login?auto=no")


def _login_by_proxy_refused(page: Page, site: Site) -> None:
    page.goto(f"{site}/login")  # no proxy vouches for anybody
    expect(page.get_by_role("alert")).to_be_visible()


def _login_either_refused(page: Page, site: Site) -> None:
    page.goto(f"{site}/login")
    expect(page.get_by_role("status")).to_be_visible()


def _chat(page: Page, site: Site) -> None:
    open_chat(page, site)


def _settings(page: Page, site: Site) -> None:
    open_chat(page, site)
    open_settings(page)


def _settings_refused(page: Page, site: Site) -> None:
    open_chat(page, site)
    choose(page, "Tabs")
    panel = open_settings(page)
    panel.locator("summary").filter(has_text="More").click()
    panel.get_by_label("First day").fill("2026-05-03")
    panel.get_by_label("Last day").fill("2026-05-01")
    panel.get_by_label("Seed").evaluate("e => { e.type = 'text'; e.value = 'many'; }")
    panel.get_by_test_id("save-settings").click()
    expect(panel.locator("#settings-problems")).to_be_focused()


def _settings_page(page: Page, site: Site) -> None:
    open_chat(page, site)
    page.goto(str(page.get_by_test_id("settings").evaluate("e => e.href")))


def _starters(page: Page, site: Site) -> None:
    open_chat(page, site)
    choose(page, "writer")


def _selector(page: Page, site: Site) -> None:
    open_chat(page, site)
    open_selector(page)


def _no_match(page: Page, site: Site) -> None:
    _selector(page, site)
    page.get_by_role("searchbox").fill("zzz")


def _user_menu(page: Page, site: Site) -> None:
    log_in(page, site, "alice")
    started(page)
    page.locator("#user-button").click()


def _account(page: Page, site: Site) -> None:
    log_in(page, site, "alice")
    started(page)
    page.goto(f"{site}/account")
    expect(page.get_by_test_id("session").first).to_be_visible()


def _link_refused(page: Page, site: Site) -> None:
    page.goto(f"{site}/?profile=gone&prompt=Good+morning,%0A%0Aplease+sum+up+what+we+said.")
    expect(notices(page)).to_be_visible()


def _profiles(page: Page, site: Site) -> None:
    page.goto(f"{site}/profiles")


def _not_found(page: Page, site: Site) -> None:
    page.goto(f"{site}/nowhere")


def _notice(page: Page, site: Site) -> None:
    """Choose a name that is not offered, as a withdrawn profile's would be by now."""
    open_chat(page, site)
    open_selector(page).locator("button[name=profile]").last.evaluate("e => { e.value = 'gone' }")
    page.get_by_test_id("profile-option").last.click()
    expect(notices(page)).to_be_visible()


def _starting(page: Page, site: Site) -> None:
    page.goto(str(site))
    expect(page.get_by_text("Starting chat…")).to_be_visible()


def _talking(page: Page, site: Site) -> None:
    """Ask at length, with a long word and a wide line in it, and have all of the answer."""
    open_chat(page, site)
    ask(page, "Say something.")
    ended(page)
    question = f"How do I greet somebody?\n\n    def greet():  # {'x' * 90}\n\nBriefly, please."
    ask(page, f"markdown {question}")
    expect(messages(page)).to_have_count(4)
    ended(page)


def _streaming(page: Page, site: Site) -> None:
    open_chat(page, site)
    ask(page, "endless")
    expect(answer(page)).to_contain_text("word word")


def _stopped(page: Page, site: Site) -> None:
    _streaming(page, site)
    page.get_by_test_id("stop").click()
    ended(page, "stopped")


def _failed_turn(page: Page, site: Site) -> None:
    open_chat(page, site)
    ask(page, "fail")
    ended(page, "failed")


def _read_only(page: Page, site: Site) -> None:
    """Write once more in a chat whose profile was withdrawn: it is no longer in the offer."""
    chat = open_chat(page, site)
    ask(page, "Good morning")
    ended(page)
    withdraw = "UPDATE chats SET profile = 'Old one', turn_id = NULL WHERE id = :id"
    run_sql(site.app, withdraw, id=UUID(chat).hex)
    ask(page, "Are you still there?")
    expect(notices(page)).to_be_visible()


def _continued(page: Page, site: Site) -> None:
    """Go on with another profile in a new chat."""
    _read_only(page, site)
    page.get_by_role("button", name="Continue with Chatty").click()
    expect(page.get_by_test_id("divider")).to_be_visible()


def _switched(page: Page, site: Site) -> None:
    """Have an answer in which the app goes on under another profile."""
    log_in(page, site, "alice")
    started(page)
    ask(page, "First this one; switch rhyme; and then that one")
    ended(page)
    expect(page.get_by_test_id("divider")).to_be_visible()


def _working(page: Page, site: Site) -> None:
    """Have a first message, while the app is at work on the next one."""
    open_chat(page, site)
    ask(page, "update")
    expect(answer(page)).to_have_attribute("data-status", "complete")
    expect(page.get_by_test_id("stop")).to_be_visible()


def _signed_out(page: Page, site: Site) -> None:
    """Send a message without script when the session has ended."""
    log_in(page, site, "alice")
    started(page)
    composer(page).fill("Good morning,\n\nplease sum up what we said about the garden yesterday.")
    page.context.clear_cookies()
    page.evaluate("document.getElementById('composer').submit()")
    expect(page.get_by_label("Your message")).to_be_visible()


def _new_messages(page: Page, site: Site) -> None:
    """Scroll up while an answer grows."""
    _streaming(page, site)
    scroll_to(page, 0)
    expect(page.get_by_role("button", name="New messages")).to_be_visible()


def _rated(page: Page, site: Site) -> None:
    """Rate both answers, and be about to say why the second one was bad."""
    open_chat(page, site)
    for text in ("How do I greet somebody?", "And in the evening?"):
        ask(page, text)
        ended(page)
    expect(messages(page)).to_have_count(4)
    messages(page).nth(1).click()  # where there is no mouse, this shows what can be done with it
    page.get_by_test_id("rate").first.click()
    page.get_by_test_id("rate").last.click()
    expect(page.locator("[data-testid=rate][aria-pressed=true]")).to_have_count(2)
    page.get_by_test_id("comment").last.click()


def _editing(page: Page, site: Site) -> None:
    """Open the field for another text of the last message."""
    open_chat(page, site)
    ask(page, "How do I greet somebody?")
    ended(page)
    page.get_by_test_id("edit").click()


def _versions(page: Page, site: Site) -> None:
    """Write the second message anew, and have its answer written again."""
    open_chat(page, site)
    for text in ("How do I greet somebody?", "And in the evening?"):
        ask(page, text)
        ended(page)
    page.get_by_test_id("edit").last.click()
    page.get_by_test_id("edit-input").last.fill("And late in the evening?")
    page.get_by_test_id("save").last.click()
    expect(page.get_by_text("2 of 2", exact=True)).to_be_visible()
    ended(page)
    page.get_by_test_id("regenerate").click()
    expect(page.get_by_text("2 of 2", exact=True)).to_have_count(2)
    ended(page)


def _version(page: Page, site: Site) -> None:
    """Look at the version before."""
    _versions(page, site)
    page.get_by_test_id("variant-previous").first.click()
    expect(page.get_by_test_id("notice")).to_be_visible()


TITLES = (
    "Plan a weekend in Rome",
    "How do I greet somebody in Portuguese?",
    "Résumé of the quarterly report, with all that was said about the garden",
    "قائمة المشتريات",
    "Refactor the billing module",
    "Why is the sky blue?",
    "Shopping list",
    "Names for a cat",
)


def _history(page: Page, site: Site) -> None:
    """Have chats of many days, two of them pinned, and one that is open."""
    chat = open_chat(page, site)
    ask(page, "Good morning")
    ended(page)
    owner = _owner_of(site, chat)
    for number, title in enumerate(TITLES):
        then = datetime.now(UTC) - timedelta(hours=number * number * 7)
        many_chats(site.app, owner, 1, title=title, pinned=number in (3, 4), active_at=then)
    page.reload()
    if page.viewport_size and page.viewport_size["width"] < 800:
        page.get_by_role("button", name="Chats").click()
    expect(page.get_by_text("Names for a cat").first).to_be_visible()


def _owner_of(site: Site, chat: str) -> str:
    with site.app.app_context():
        return db.session.scalars(select(Chat.owner).where(Chat.id == UUID(chat))).one()


def _history_menu(page: Page, site: Site) -> None:
    _history(page, site)
    page.get_by_test_id("history-menu").nth(2).click()
    expect(page.get_by_test_id("title-input")).to_be_visible()


def _history_search(page: Page, site: Site) -> None:
    _history(page, site)
    page.get_by_test_id("history-search").fill("morning")
    expect(page.get_by_test_id("history-item")).to_have_count(1)


def _deleted(page: Page, site: Site) -> None:
    _history(page, site)
    page.get_by_test_id("history-menu").nth(2).click()
    page.get_by_test_id("delete").click()
    expect(page.get_by_test_id("undo")).to_be_attached()


def _all_chats(page: Page, site: Site) -> None:
    _history(page, site)
    page.goto(f"{site}/chats")


def _chat_options(page: Page, site: Site) -> None:
    chat = open_chat(page, site)
    ask(page, "Good morning")
    ended(page)
    page.goto(f"{site}/chats/{chat}/menu")


def _clear_all(page: Page, site: Site) -> None:
    _all_chats(page, site)
    page.get_by_test_id("clear-all").click()


def _import(page: Page, site: Site) -> None:
    """Paste something that is no export."""
    log_in(page, site, "alice")
    started(page)
    page.goto(f"{site}/chats/import")
    page.get_by_label("Exported chats").fill('{"format": "chat-profiles", "version": 2}')
    page.get_by_test_id("import-button").click()
    expect(page.get_by_test_id("import-problem")).to_be_visible()


def _sharing(page: Page, site: Site) -> None:
    """Share a chat in which something was said afterwards."""
    log_in(page, site, "alice")
    started(page)
    said = ({"content": "Where to?"}, {"content": "To **Rome**.", "kind": "assistant"})
    chat = store_chat(site.app, *said, title="A weekend in Rome")
    page.goto(f"{site}{chat}/share")
    page.get_by_test_id("share").click()
    expect(page.get_by_test_id("share-link")).to_be_visible()
    run_sql(site.app, "UPDATE shares SET last_sequence = 0")
    page.reload()
    expect(page.get_by_text("1 newer message is not included.")).to_be_visible()


def _shared(page: Page, site: Site) -> None:
    """Read what somebody has shared."""
    log_in(page, site, "alice")
    started(page)
    said = [{"content": f"Question {n}"} for n in range(101)]
    chat = store_chat(site.app, *said, title="A hundred questions", imported_at=utc_now())
    page.goto(f"{site}{chat}/share")
    page.get_by_test_id("share").click()
    page.goto(page.get_by_test_id("share-link").input_value())
    expect(page.get_by_test_id("shared-chat")).to_be_visible()


def _long_chat(page: Page, site: Site) -> None:
    fill(site.app, open_chat(page, site), 60)
    page.reload()
    scroll_to(page, 0)
    expect(page.get_by_test_id("earlier")).to_be_in_viewport()


def _earlier_messages(page: Page, site: Site) -> None:
    chat = open_chat(page, site)
    fill(site.app, chat, 60)
    page.goto(f"{site}/chats/{chat}?before=5")
    expect(page.get_by_test_id("latest")).to_be_in_viewport()


def _resumed(page: Page, site: Site) -> None:
    address = f"{site}/chats/{open_chat(page, site)}"
    ask(page, "Hello")
    ended(page)
    page.get_by_test_id("new-chat").click()
    page.wait_for_url(lambda url: url != address)
    page.goto(address)
    expect(ended(page)).to_contain_text("Welcome back")


def _steps(page: Page, site: Site) -> None:
    open_chat(page, site)
    ask(page, "Compare the weather")
    ended(page)
    for name in ("Compare the weather", "Weather", "Look into", "Write it down"):
        _step(page, name).locator("summary").first.click()


def _steps_running(page: Page, site: Site) -> None:
    open_chat(page, site)
    ask(page, "run")
    for name in ("Compare the weather", "Write it down"):
        _step(page, name).locator("summary").first.click()
    expect(page.get_by_text("It is as warm in Bern")).to_be_visible()


def _steps_at_start(page: Page, site: Site) -> None:
    open_chat(page, site)
    expect(_step(page, "Get ready")).to_be_visible()


def _steps_deep(page: Page, site: Site) -> None:
    open_chat(page, site)
    ask(page, "dig")
    ended(page)


def _step(page: Page, name: str) -> Locator:
    return page.locator(f"[data-testid=step][data-name^='{name}']").first


def _shown(page: Page, site: Site, what: str) -> None:
    """Have the app show elements."""
    open_chat(page, site)
    ask(page, what)
    ended(page)
    scripts_loaded(page)


def _pictures(page: Page, site: Site) -> None:
    _shown(page, site, "pictures")
    page.evaluate("document.querySelectorAll('img').forEach((img) => { img.loading = 'eager' })")
    wait_until(page, "[...document.images].every((img) => img.complete)")


def _picture(page: Page, site: Site) -> None:
    _pictures(page, site)
    page.locator("[data-zoom]").first.click()
    expect(page.get_by_role("dialog", name="A wide gradient")).to_be_visible()


def _files(page: Page, site: Site) -> None:
    _shown(page, site, "files")


def _texts(page: Page, site: Site) -> None:
    _shown(page, site, "texts")
    text = page.get_by_role("region", name="About water")
    expect(text.get_by_role("button", name="Copy", exact=True)).to_be_visible()


def _beside(page: Page, site: Site) -> None:
    _shown(page, site, "beside")


def _panel(page: Page, site: Site) -> None:
    _beside(page, site)
    page.get_by_test_id("element-link").first.click()
    expect(page.get_by_test_id("side-panel")).to_be_visible()


def _element_page(page: Page, site: Site) -> None:
    _beside(page, site)
    page.get_by_test_id("element-link").nth(1).click()
    expect(page.get_by_role("link", name="Back to the chat")).to_be_visible()


STATES = {
    "login": State("roles.py", _login),
    "login-refused": State("roles.py", _login_refused),
    "login-by-proxy": State("by_proxy.py", _login_by_proxy),
    "login-by-proxy-refused": State("by_proxy.py", _login_by_proxy_refused),
    "login-either": State("by_proxy_or_password.py", _login_by_proxy),
    "login-either-refused": State("by_proxy_or_password.py", _login_either_refused),
    "starting": State("slow.py", _starting),
    "chat": State("simple.py", _chat),
    "long-answer": State("wordy.py", _chat),
    "rich-answer": State("rich.py", _chat),
    "starters": State("five.py", _starters),
    "failed-start": State("failing.py", _chat),
    "one-profile": State("one.py", _chat),
    "right-to-left": State("rtl.py", _selector),
    "selector-2": State("simple.py", _selector),
    "selector-5": State("five.py", _selector),
    "selector-40": State("many.py", _selector),
    "no-match": State("many.py", _no_match),
    "user-menu": State("roles.py", _user_menu),
    "account": State("roles.py", _account),
    "link-refused": State("simple.py", _link_refused),
    "profiles": State("five.py", _profiles),
    "not-found": State("simple.py", _not_found),
    "notice": State("simple.py", _notice),
    "talking": State("chatty.py", _talking),
    "streaming": State("chatty.py", _streaming),
    "steps": State("stepper.py", _steps),
    "steps-at-start": State("stepper.py", _steps_at_start),
    "steps-deep": State("stepper.py", _steps_deep),
    "steps-running": State("stepper.py", _steps_running),
    "stopped": State("chatty.py", _stopped),
    "failed-turn": State("chatty.py", _failed_turn),
    "signed-out": State("roles.py", _signed_out),
    "read-only": State("chatty.py", _read_only),
    "continued": State("chatty.py", _continued),
    "switched": State("over_time.py", _switched),
    "working": State("chatty.py", _working),
    "new-messages": State("chatty.py", _new_messages),
    "rated": State("chatty.py", _rated),
    "editing": State("chatty.py", _editing),
    "versions": State("chatty.py", _versions),
    "version": State("chatty.py", _version),
    "history": State("chatty.py", _history),
    "history-menu": State("chatty.py", _history_menu),
    "history-search": State("chatty.py", _history_search),
    "deleted": State("chatty.py", _deleted),
    "all-chats": State("chatty.py", _all_chats),
    "chat-options": State("chatty.py", _chat_options),
    "clear-all": State("chatty.py", _clear_all),
    "import": State("roles.py", _import),
    "sharing": State("roles.py", _sharing),
    "shared": State("roles.py", _shared),
    "long-chat": State("resumes.py", _long_chat),
    "earlier-messages": State("resumes.py", _earlier_messages),
    "resumed": State("resumes.py", _resumed),
    "pictures": State("elements.py", _pictures),
    "picture": State("elements.py", _picture),
    "files": State("elements.py", _files),
    "settings": State("settings.py", _settings),
    "settings-refused": State("settings.py", _settings_refused),
    "settings-page": State("settings.py", _settings_page),
    "texts": State("elements.py", _texts),
    "beside": State("elements.py", _beside),
    "side-panel": State("elements.py", _panel),
    "element-page": State("elements.py", _element_page),
}
# What the console says about states that are errors.
REFUSALS = ("status of 401", "status of 403", "status of 404", "status of 422")
