"""Looking at a site from outside, as a browser meets it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import SplitResult

from webapp.doctor.advice import against_buffering, against_compressing, for_more_threads
from webapp.doctor.findings import EndOfCheckError, Finding, Report, change, good, hint
from webapp.doctor.http_client import HTTP_1_0, REDIRECTS, Answer, Site, ask
from webapp.doctor.page_checks import pages
from webapp.doctor.stream_checks import Probed, compresses, probe
from webapp.web.errors import WRONG_HOST
from webapp.web.sse import HEADERS

ALIVE = "/healthz"


def check_site(site: Site) -> Report:
    """Return what is found at the address of a site."""
    report = Report(site.url)
    try:
        site = _reached(site, report)
        report.add(*readiness(site))
        report.add(*streaming(site, report))
        report.add(*pages(site))
    except EndOfCheckError as end:
        report.add(end.finding)
    return report


def readiness(site: Site) -> Iterator[Finding]:
    """Yield whether the site can serve chats."""
    answer = ask(site, "/readyz")
    if answer.status == 200:
        yield good("ready", "The database takes changes, and its schema is current.")
    elif answer.status == 503:
        said = answer.text.strip().partition("\n")[0][:200]
        yield change(
            "not-ready",
            f"The site runs but is not ready: {said}.",
            "Look at its log, and run `chat-profiles db check` there.",
        )
    else:
        yield hint("no-readyz", f"/readyz is not passed on ({answer.status}).")


def streaming(site: Site, report: Report) -> Iterator[Finding]:
    """Yield how answers reach a page, and what is in their way; notes what was measured."""
    probed = probe(site)
    report.way, report.streams, report.server = probed.way, probed.streams, probed.server
    yield _way(probed)
    if probed.streamed:
        report.arrivals = probed.arrivals
        report.buffered = not probed.flows
        yield _flow(probed)
        method = compresses(site)
        if method:
            yield change(
                "compressed",
                f"Something compresses streams ({method}), which holds words back.",
                against_compressing(probed.answer),
            )
    yield from _transport(probed)


def _reached(site: Site, report: Report) -> Site:
    """Return the site that answers, which is the same over HTTPS if it leads there."""
    answer = ask(site, ALIVE)
    if answer.status in REDIRECTS:
        site = _over_https(site, answer)
        report.add(good("redirected-to-https", f"Plain HTTP leads to {site.url}."))
        answer = ask(site, ALIVE)
    problem = _stranger(site, answer)
    if problem:
        raise EndOfCheckError(problem)
    report.add(good("alive", f"The site answers at {site.url}."))
    return site


def _over_https(site: Site, answer: Answer) -> Site:
    target = site.target(ALIVE, answer.header("Location"))
    same = target is not None and (target.hostname, target.path) == (site.host, site.path + ALIVE)
    if target is not None and same and (site.scheme, target.scheme) == ("http", "https"):
        return site.over_https(target.port)
    raise EndOfCheckError(_led_away(site, target))


def _led_away(site: Site, target: SplitResult | None) -> Finding:
    if target is None or not target.hostname:
        return change("redirected", f"{site.url} redirects to nowhere.", "Correct the redirect.")
    if target.hostname != site.host:
        return change(
            "redirected",
            f"{site.url} leads to another host, {target.hostname}, which is not asked.",
            "Give the address that people end up at, and let /healthz pass without a login.",
        )
    return change(
        "redirected",
        f"{site.url}{ALIVE} leads to {target.scheme}://{target.netloc}{target.path}.",
        "Let /healthz, /readyz and /healthz/stream pass to the app.",
    )


def _stranger(site: Site, answer: Answer) -> Finding | None:
    """Return why this is not the site that was meant, or ``None`` if it is."""
    if answer.status in REDIRECTS:
        return _led_away(site, site.target(ALIVE, answer.header("Location")))
    if answer.status == 400 and WRONG_HOST.title in answer.text:
        return change(
            "wrong-host",
            f"The app is asked under a name that it does not serve; the address says {site.host}.",
            "Add the name to WEBAPP_TRUSTED_HOSTS, and let the proxy pass the Host header on "
            "(nginx: `proxy_set_header Host $http_host;`).",
        )
    if answer.status in (502, 503, 504):
        return change(
            "no-app",
            f"What is in front answers {answer.status}: the app behind it is not reached.",
            "Start the app, and compare its address with that in the proxy.",
        )
    if answer.status in (401, 403):
        return change(
            "blocked",
            f"{ALIVE} is closed to visitors ({answer.status}) by something in front of the app.",
            "Let /healthz, /readyz and /healthz/stream pass.",
        )
    if answer.status != 200 or answer.text.strip() != "ok":
        return change(
            "another-site",
            f"What answers at {site.url} is not Chat Profiles ({answer.status}).",
            "Check the address, and the path below which the app is mounted.",
        )
    return None


def _way(probed: Probed) -> Finding:
    server = "" if probed.server == "unknown" else f" ({probed.server})"
    if probed.streamed:
        return good("sse", f"Answers are streamed, {probed.streams} at once in a process{server}.")
    if probed.way == "sse":
        return change(
            "sse-without-threads",
            f"WEBAPP_STREAMING=sse is set, but this server{server} has no thread for a stream.",
            f"{for_more_threads(probed.server)} Or take the setting away.",
        )
    if probed.streams:
        return hint(probed.way, f"WEBAPP_STREAMING={probed.way} is set, so nothing is streamed.")
    if probed.way == "inline":
        return change(
            "inline",
            f"A page waits for the whole answer: nothing runs between requests here{server}.",
            for_more_threads(probed.server),
        )
    return change(
        "poll",
        f"Pages ask again and again instead of a stream: one or two threads are too few{server}.",
        f"{for_more_threads(probed.server)} Or WEBAPP_MAX_STREAMS is 0.",
    )


def _flow(probed: Probed) -> Finding:
    if not probed.complete:
        return change(
            "cut-off",
            "A stream of 1.5 s breaks off before its end.",
            "Raise the time limits of what is in front of the app, and look at the app's log.",
        )
    if probed.flows:
        return good("flows", "Nothing holds a stream back: its events arrive one by one.")
    if probed.lumps == 1:
        return change(
            "buffered",
            "Something in between buffers: all events of a stream arrive at its end.",
            against_buffering(probed.answer),
        )
    return change(
        "lumpy",
        f"Something in between holds a stream back: it arrives in {probed.lumps} lumps.",
        against_buffering(probed.answer),
    )


def _transport(probed: Probed) -> Iterator[Finding]:
    answer = probed.answer
    if answer.version == HTTP_1_0:
        yield hint(
            "http-1.0",
            "Something in between speaks HTTP/1.0, so each request needs a connection of its own.",
            "Let it speak HTTP/1.1 (nginx towards the app: `proxy_http_version 1.1;`).",
        )
    if answer.header("Cache-Control").replace(" ", "") != HEADERS["Cache-Control"].replace(" ", ""):
        yield change(
            "cache-control",
            "Something in between changes the Cache-Control of streams, which says no-store.",
            "Let it pass the header on as it is.",
        )
