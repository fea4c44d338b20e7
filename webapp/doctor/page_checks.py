"""Looking at what a page of the site carries: headers that protect visitors, and cookies."""

from __future__ import annotations

import re
from collections.abc import Iterator

from webapp.doctor.findings import Finding, change, good, hint
from webapp.doctor.http_client import REDIRECTS, Answer, Site, ask
from webapp.web.headers import security_headers

_VERSION = re.compile(r"/\d")


def pages(site: Site) -> Iterator[Finding]:
    """Yield what is wrong with the chat page, or with the login page in front of it."""
    answer = ask(site, "/")
    if answer.status in REDIRECTS:
        target = site.target("/", answer.header("Location"))
        if target and (target.hostname, target.path) == (site.host, f"{site.path}/login"):
            answer = ask(site, "/login")
    if answer.status in REDIRECTS:
        yield hint("pages-led-away", f"The chat page leads elsewhere ({answer.status}).")
        return
    if answer.status >= 500:
        yield change(
            "page-fails",
            f"The chat page answers {answer.status}.",
            "Look at the log of the site.",
        )
    yield from _security(answer)
    yield from _secrecy(site, answer)


def _security(answer: Answer) -> Iterator[Finding]:
    expected = security_headers()
    lost = [name for name in expected if name not in answer.headers]
    if lost:
        yield change(
            "headers-lost",
            f"Something in between takes headers away that protect visitors: {', '.join(lost)}.",
            "Let it pass them on as they are.",
        )
    twice = [name for name in expected if len(answer.headers.get_all(name, [])) > 1]
    if twice:
        yield hint(
            "headers-twice",
            f"Something in between adds headers that the app sends itself: {', '.join(twice)}.",
            "Take them out of its configuration.",
        )
    if _VERSION.search(answer.header("Server")):
        yield hint(
            "server-version",
            f"The Server header tells a version: {answer.header('Server')[:60]}.",
            "Switch it off (nginx: `server_tokens off;`, Apache: `ServerTokens Prod`).",
        )


def _secrecy(site: Site, answer: Answer) -> Iterator[Finding]:
    cookies = answer.headers.get_all("Set-Cookie", [])
    secure = all("; secure" in cookie.lower() for cookie in cookies)
    if site.scheme == "http":
        yield from _plain_http(site, cookies, secure=secure)
        return
    if "Strict-Transport-Security" not in answer.headers:
        yield change(
            "no-hsts",
            "The app does not know that visitors use HTTPS: no Strict-Transport-Security.",
            "Set WEBAPP_PROXY_HOPS to the number of proxies, and let them send X-Forwarded-Proto.",
        )
    if not secure:
        yield change(
            "insecure-cookies",
            "Cookies may travel over plain HTTP.",
            "Take WEBAPP_INSECURE_COOKIES away.",
        )
    if secure and "Strict-Transport-Security" in answer.headers:
        yield good("https", "Over HTTPS, cookies and browsers keep to it.")


def _plain_http(site: Site, cookies: list[str], *, secure: bool) -> Iterator[Finding]:
    if site.is_loopback:
        yield hint(
            "loopback",
            "This is the server on this machine.",
            "Give the public address too: it shows what a proxy does.",
        )
    elif cookies and secure:
        yield change(
            "https-needed",
            "Cookies are kept for HTTPS, so nobody can log in or write over plain HTTP.",
            "Serve the site over HTTPS, and give its https:// address.",
        )
    else:
        yield hint(
            "plain-http",
            "Over plain HTTP, everybody on the way can read passwords and chats.",
            "Serve the site over HTTPS.",
        )
