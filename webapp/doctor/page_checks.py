"""Checks of a page of the site: the headers that protect visitors, and the cookies."""

from __future__ import annotations

import re
from collections.abc import Iterator

from webapp.config.settings import PROXY_SECRET_HEADER
from webapp.doctor.findings import Finding, change, good, hint
from webapp.doctor.http_client import REDIRECTS, Answer, Site, get
from webapp.web.headers import POLICY, security_headers

_VERSION = re.compile(r"/\d")


def check_pages(site: Site) -> Iterator[Finding]:
    """Yield the problems of the chat page, or of the sign-in page in front of it."""
    answer = get(site, "/")
    if answer.status in REDIRECTS:
        target = site.target("/", answer.header("Location"))
        if target and (target.hostname, target.path) == (site.host, f"{site.path}/login"):
            answer = get(site, "/login")
    if answer.status in REDIRECTS:
        yield hint("pages-led-away", f"The chat page leads elsewhere ({answer.status}).")
        return
    if answer.status >= 500:
        yield change(
            "page-fails",
            f"The chat page answers {answer.status}.",
            "Look at the log of the site.",
        )
    if answer.status == 403 and 'data-testid="not-by-proxy"' in answer.text:
        yield _explain_mistrust(site)
    yield from _check_headers(answer)
    yield from _check_https(site, answer)


def _explain_mistrust(site: Site) -> Finding:
    if site.is_loopback:
        return hint(
            "not-by-proxy",
            "Nobody can sign in at this address: users sign in at the address of the proxy.",
        )
    return change(
        "not-by-proxy",
        "Nobody can sign in: to the app, this request did not come through its proxy.",
        f"Let the proxy send {PROXY_SECRET_HEADER} with the value of WEBAPP_PROXY_SECRET. If "
        "WEBAPP_PROXY_ADDRESSES is set, list the address of the proxy there. In the log of the "
        "site, login.not_by_proxy says what is missing.",
    )


def _check_headers(answer: Answer) -> Iterator[Finding]:
    policy = answer.headers.get(POLICY, "frame-ancestors 'none'")
    # A site that may be in frames sends no X-Frame-Options.
    expected = security_headers(ancestors=() if "frame-ancestors 'none'" in policy else ("'self'",))
    lost = [name for name in expected if name not in answer.headers]
    if lost:
        yield change(
            "headers-lost",
            f"A server in between removes headers that protect visitors: {', '.join(lost)}.",
            "Let it pass on the headers as they are.",
        )
    twice = [name for name in expected if len(answer.headers.get_all(name, [])) > 1]
    if twice:
        yield hint(
            "headers-twice",
            f"A server in between adds headers that the app sends itself: {', '.join(twice)}.",
            "Remove them from its configuration.",
        )
    if _VERSION.search(answer.header("Server")):
        yield hint(
            "server-version",
            f"The Server header shows a version: {answer.header('Server')[:60]}.",
            "Switch it off (nginx: `server_tokens off;`, Apache: `ServerTokens Prod`).",
        )


def _check_https(site: Site, answer: Answer) -> Iterator[Finding]:
    cookies = answer.headers.get_all("Set-Cookie", [])
    secure = all("; secure" in cookie.lower() for cookie in cookies)
    if site.is_loopback and site.scheme == "http":
        yield hint(
            "loopback",
            "This is the server on this machine.",
            "Give the public address too: it shows what a proxy does.",
        )
        return
    if site.scheme == "http":
        if cookies and secure:
            yield change(
                "https-needed",
                "The cookies need HTTPS, so nobody can sign in or write over plain HTTP.",
                "Serve the site over HTTPS, and give its https:// address.",
            )
        else:
            yield hint(
                "plain-http",
                "Over plain HTTP, every server on the way can read passwords and chats.",
                "Serve the site over HTTPS.",
            )
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
            "Remove WEBAPP_INSECURE_COOKIES.",
        )
    if secure and "Strict-Transport-Security" in answer.headers:
        yield good("https", "The site uses HTTPS, and so do its cookies and browsers.")
