"""Every route of the app, in exactly one of two tables (R19)."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask

NOBODYS_CHAT = "00000000-0000-4000-8000-000000000000"
NOBODYS_TURN = "00000000-0000-4000-8000-000000000001"
ARGUMENTS = {"chat_id": NOBODYS_CHAT, "turn_id": NOBODYS_TURN, "name": "icon.svg"}

# Anybody may ask; (endpoint, method) -> address.
PUBLIC = {
    ("accounts.login", "GET"): "/login",
    ("accounts.log_in_with_password", "POST"): "/login",
    ("accounts.logout", "POST"): "/logout",
    ("health.healthz", "GET"): "/healthz",
    ("health.readyz", "GET"): "/readyz",
    ("probe.stream", "GET"): "/healthz/stream",
    ("public", "GET"): "/public/icon.svg",
    ("static", "GET"): "/static/icon.svg",
}
# Whoever is logged in, in apps where login is on.
USER = {
    ("chats.new", "GET"): "/",
    ("chats.start", "POST"): "/chats",
    ("chats.show", "GET"): f"/chats/{NOBODYS_CHAT}",
    ("history.clear", "POST"): "/chats/clear",
    ("history.delete", "POST"): f"/chats/{NOBODYS_CHAT}/delete",
    ("history.listing", "GET"): "/chats",
    ("history.menu", "GET"): f"/chats/{NOBODYS_CHAT}/menu",
    ("history.restore", "POST"): f"/chats/{NOBODYS_CHAT}/restore",
    ("history.set_pin", "POST"): f"/chats/{NOBODYS_CHAT}/pin",
    ("history.set_title", "POST"): f"/chats/{NOBODYS_CHAT}/title",
    ("profiles.selector", "GET"): "/profiles",
    ("turns.follow", "GET"): f"/chats/{NOBODYS_CHAT}/turns/{NOBODYS_TURN}",
    ("turns.news", "GET"): f"/chats/{NOBODYS_CHAT}/news",
    ("turns.resume", "POST"): f"/chats/{NOBODYS_CHAT}/resume",
    ("turns.retry", "POST"): f"/chats/{NOBODYS_CHAT}/retry",
    ("turns.say", "POST"): f"/chats/{NOBODYS_CHAT}/messages",
    ("turns.stop", "POST"): f"/chats/{NOBODYS_CHAT}/stop",
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
