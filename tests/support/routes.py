"""Every route of the app, in exactly one of two tables."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask

NOBODYS_CHAT = "00000000-0000-4000-8000-000000000000"
NOBODYS_TURN = "00000000-0000-4000-8000-000000000001"
NOBODYS_SESSION = "00000000-0000-4000-8000-000000000002"
NOBODYS_MESSAGE = "00000000-0000-4000-8000-000000000003"
NOBODYS_TOKEN = "nobodys-token-0000000000000000000000000000-"
NOBODYS_FILE = "00000000-0000-4000-8000-000000000004"
ARGUMENTS = {
    "element_id": NOBODYS_FILE,
    "question_id": NOBODYS_TURN,
    "file_id": NOBODYS_FILE,
    "action_id": NOBODYS_TURN,
    "chat_id": NOBODYS_CHAT,
    "turn_id": NOBODYS_TURN,
    "session_id": NOBODYS_SESSION,
    "message_id": NOBODYS_MESSAGE,
    "name": "icon.svg",
    "token": NOBODYS_TOKEN,
}

# Anybody may ask; (endpoint, method) -> address.
PUBLIC = {
    ("accounts.login", "GET"): "/login",
    ("accounts.log_in_with_headers", "POST"): "/login/headers",
    ("accounts.log_in_with_password", "POST"): "/login",
    ("accounts.logout", "POST"): "/logout",
    ("branding.styles", "GET"): "/colours.css",
    ("chats.link", "GET"): "/p/icon.svg",
    ("elements.diagram_frame", "GET"): "/frames/diagram",
    ("elements.plotly_script", "GET"): "/frames/plotly.js",
    ("health.healthz", "GET"): "/healthz",
    ("health.readyz", "GET"): "/readyz",
    ("probe.stream", "GET"): "/healthz/stream",
    ("public", "GET"): "/public/icon.svg",
    ("static", "GET"): "/static/icon.svg",
}
# Whoever is logged in, in apps where login is on.
USER = {
    ("accounts.account", "GET"): "/account",
    ("accounts.change_password", "POST"): "/account/password",
    ("accounts.end_other_sessions", "POST"): "/account/sessions/end-others",
    ("accounts.end_session", "POST"): f"/account/sessions/{NOBODYS_SESSION}/end",
    ("chats.new", "GET"): "/",
    ("chats.start", "POST"): "/chats",
    ("chats.show", "GET"): f"/chats/{NOBODYS_CHAT}",
    ("chats.continue_with", "POST"): f"/chats/{NOBODYS_CHAT}/continue",
    ("chats.message_text", "GET"): f"/chats/{NOBODYS_CHAT}/messages/{NOBODYS_MESSAGE}",
    ("chats.switch", "POST"): f"/chats/{NOBODYS_CHAT}/profile",
    ("chats.selector", "GET"): f"/chats/{NOBODYS_CHAT}/profile",
    ("elements.show", "GET"): f"/elements/{NOBODYS_FILE}",
    ("branding.readme", "GET"): "/readme",
    ("elements.show_frame", "GET"): f"/elements/{NOBODYS_FILE}/frame",
    ("feedback.rate", "POST"): f"/chats/{NOBODYS_CHAT}/messages/{NOBODYS_MESSAGE}/feedback",
    ("files.show_file", "GET"): f"/files/{NOBODYS_FILE}/icon.svg",
    ("history.clear", "POST"): "/chats/clear",
    ("history.delete", "POST"): f"/chats/{NOBODYS_CHAT}/delete",
    ("history.listing", "GET"): "/chats",
    ("history.menu", "GET"): f"/chats/{NOBODYS_CHAT}/menu",
    ("history.restore", "POST"): f"/chats/{NOBODYS_CHAT}/restore",
    ("history.set_pin", "POST"): f"/chats/{NOBODYS_CHAT}/pin",
    ("history.set_title", "POST"): f"/chats/{NOBODYS_CHAT}/title",
    ("profiles.selector", "GET"): "/profiles",
    ("questions.answer", "POST"): f"/chats/{NOBODYS_CHAT}/questions/{NOBODYS_TURN}",
    ("settings.save", "POST"): f"/chats/{NOBODYS_CHAT}/settings",
    ("settings.show", "GET"): f"/chats/{NOBODYS_CHAT}/settings",
    ("sharing.manage", "GET"): f"/chats/{NOBODYS_CHAT}/share",
    ("sharing.share", "POST"): f"/chats/{NOBODYS_CHAT}/share",
    ("sharing.unshare", "POST"): f"/chats/{NOBODYS_CHAT}/unshare",
    ("sharing.view", "GET"): f"/shared/{NOBODYS_TOKEN}",
    ("transfer.export_all", "GET"): "/chats/export",
    ("transfer.export_chat", "GET"): f"/chats/{NOBODYS_CHAT}/export",
    ("transfer.import_chats", "POST"): "/chats/import",
    ("transfer.import_page", "GET"): "/chats/import",
    ("turns.edit", "POST"): f"/chats/{NOBODYS_CHAT}/edit",
    ("turns.follow", "GET"): f"/chats/{NOBODYS_CHAT}/turns/{NOBODYS_TURN}",
    ("turns.news", "GET"): f"/chats/{NOBODYS_CHAT}/news",
    ("turns.hear_window", "POST"): f"/chats/{NOBODYS_CHAT}/window-messages",
    ("turns.press", "POST"): f"/chats/{NOBODYS_CHAT}/actions/{NOBODYS_TURN}",
    ("turns.regenerate", "POST"): f"/chats/{NOBODYS_CHAT}/regenerate",
    ("turns.resume", "POST"): f"/chats/{NOBODYS_CHAT}/resume",
    ("turns.retry", "POST"): f"/chats/{NOBODYS_CHAT}/retry",
    ("turns.say", "POST"): f"/chats/{NOBODYS_CHAT}/messages",
    ("turns.stop", "POST"): f"/chats/{NOBODYS_CHAT}/stop",
    ("versions.edit_form", "GET"): f"/chats/{NOBODYS_CHAT}/messages/{NOBODYS_MESSAGE}/edit",
    ("versions.show", "GET"): f"/chats/{NOBODYS_CHAT}/versions/{NOBODYS_TURN}",
}
AUTOMATIC = {"HEAD", "OPTIONS"}

PAGES_OF_USERS = sorted(path for (_, method), path in USER.items() if method == "GET")
ALL_PAGES = sorted(path for (_, method), path in (PUBLIC | USER).items() if method == "GET")
ALL_FORMS = sorted(path for (_, method), path in (PUBLIC | USER).items() if method == "POST")


def routes(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Yield endpoint, method and an address for every rule of the URL map."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        values = {name: ARGUMENTS[name] for name in rule.arguments}
        for method in sorted((rule.methods or set()) - AUTOMATIC):
            yield rule.endpoint, method, adapter.build(rule.endpoint, values, method=method)
