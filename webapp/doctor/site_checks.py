"""Checks of a site from outside, as a browser meets it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from webapp.doctor.advice import (
    ADVICE_ON_BUFFERED_REQUESTS,
    advise_on_buffering,
    advise_on_compression,
    advise_on_host,
    advise_on_threads,
)
from webapp.doctor.findings import EndOfCheckError, Finding, Report, change, good, hint
from webapp.doctor.http_client import HTTP_1_0, REDIRECTS, Answer, Site, get
from webapp.doctor.page_checks import check_pages
from webapp.doctor.stream_checks import StreamProbe, find_compression, probe_stream
from webapp.web.errors import WRONG_HOST
from webapp.web.probe import SERVED_AT
from webapp.web.sse import HEADERS

ALIVE = "/healthz"


def check_site(site: Site) -> Report:
    """Return the findings about the site at an address."""
    report = Report(checked=site.url)
    try:
        site = _find_site(site, report)
        report.add(*check_readiness(site))
        report.add(*check_streaming(site, report))
        report.add(*check_pages(site))
    except EndOfCheckError as end:
        report.add(end.finding)
    return report


def check_readiness(site: Site) -> Iterator[Finding]:
    """Yield whether the site can serve chats."""
    answer = get(site, "/readyz")
    if answer.status == 200:
        yield good("ready", "The database takes changes, and its schema is current.")
    elif answer.status == 503:
        said = answer.text.strip().partition("\n")[0][:200]
        yield change(
            "not-ready",
            f"The site runs but is not ready: {said}.",
            "Read its log, and run `chat-profiles db check` there.",
        )
    else:
        yield hint("no-readyz", f"/readyz is not passed on ({answer.status}).")


def check_streaming(site: Site, report: Report) -> Iterator[Finding]:
    """Yield how answers reach a page and what is in their way, and note the measurements."""
    probe = probe_stream(site)
    report.way, report.streams, report.server = probe.way, probe.streams, probe.server
    yield _check_way(probe)
    if probe.is_streamed:
        report.arrivals = probe.arrivals
        report.buffered = not probe.flows
        yield _check_flow(probe)
        method = find_compression(site)
        if method:
            yield change(
                "compressed",
                f"A server in between compresses streams ({method}), which holds words back.",
                advise_on_compression(probe.answer),
            )
    answer = probe.answer
    yield from _check_address(site, answer)
    yield from _check_arrival(probe)
    if answer.version == HTTP_1_0:
        yield hint(
            "http-1.0",
            "A server in between speaks HTTP/1.0, so each request needs a connection of its own.",
            "Let it speak HTTP/1.1 (nginx towards the app: `proxy_http_version 1.1;`).",
        )
    if answer.header("Cache-Control").replace(" ", "") != HEADERS["Cache-Control"].replace(" ", ""):
        yield change(
            "cache-control",
            "A server in between changes the Cache-Control header of streams, which is no-store.",
            "Let it pass on the header as it is.",
        )


def _check_arrival(probe: StreamProbe) -> Iterator[Finding]:
    """Yield whether anybody can hold the workers of gunicorn by requests that are half sent."""
    if probe.answer.header("Server").lower() != "gunicorn" or "Via" in probe.answer.headers:
        return
    if probe.is_streamed:
        yield hint(
            "unbuffered",
            "It seems that no proxy stands in front of gunicorn. Its threads wait for no request "
            "here, unless gunicorn itself speaks TLS or HTTP/2, or is older than version 27.",
        )
    else:
        yield change(
            "unbuffered",
            "It seems that no proxy stands in front of gunicorn. A half-sent request holds a worker"
            " until its --timeout, so a few of them stop the site.",
            ADVICE_ON_BUFFERED_REQUESTS,
        )


def _check_address(site: Site, answer: Answer) -> Iterator[Finding]:
    """Yield whether the app knows the address at which browsers ask for it."""
    served_at = answer.header(SERVED_AT)
    if not served_at:
        return
    # A proxy may add the port that browsers leave out.
    usual_port = {"http": ":80", "https": ":443"}[site.scheme]
    asked, known = (urlsplit(address) for address in (site.url, served_at))
    hosts = [address.netloc.lower().removesuffix(usual_port) for address in (asked, known)]
    if hosts[0] != hosts[1]:
        yield change(
            "host-changed",
            f"A server in between changes the address: Origin is {hosts[0]} and Host is {hosts[1]}."
            " They differ, so nobody can sign in or send a form.",
            advise_on_host(answer),
        )
    if known.path != asked.path:
        yield change(
            "path-unknown",
            f"The site is below {asked.path or '/'}, and the app believes it is below "
            f"{known.path or '/'}, so its links lead nowhere.",
            "Let the proxy that removes the path send it in X-Forwarded-Prefix, and set "
            "WEBAPP_PROXY_HOPS.",
        )


def _find_site(site: Site, report: Report) -> Site:
    """Return the site that answers. It is the same site over HTTPS if plain HTTP leads there."""
    answer = get(site, ALIVE)
    if answer.status in REDIRECTS:
        target = site.target(ALIVE, answer.header("Location"))
        expected = (site.host, site.path + ALIVE)
        if target is None or (target.hostname, target.path) != expected:
            raise EndOfCheckError(_explain_redirect(site, target))
        if (site.scheme, target.scheme) != ("http", "https"):
            raise EndOfCheckError(_explain_redirect(site, target))
        site = site.over_https(target.port)
        report.add(good("redirected-to-https", f"Plain HTTP leads to {site.url}."))
        answer = get(site, ALIVE)
    problem = _find_wrong_site(site, answer)
    if problem:
        raise EndOfCheckError(problem)
    report.add(good("alive", f"The site answers at {site.url}."))
    return site


def _explain_redirect(site: Site, target: SplitResult | None) -> Finding:
    if target is None or not target.hostname:
        return change("redirected", f"{site.url} redirects to nowhere.", "Correct the redirect.")
    if target.hostname != site.host:
        return change(
            "redirected",
            f"{site.url} leads to another host, {target.hostname}, which the doctor does not ask.",
            "Give the address where people arrive, and let /healthz pass without signing in.",
        )
    return change(
        "redirected",
        f"{site.url}{ALIVE} leads to {target.scheme}://{target.netloc}{target.path}.",
        "Let /healthz, /readyz and /healthz/stream pass to the app.",
    )


def _find_wrong_site(site: Site, answer: Answer) -> Finding | None:
    """Return why this is not the right site, or ``None`` if it is."""
    if answer.status in REDIRECTS:
        return _explain_redirect(site, site.target(ALIVE, answer.header("Location")))
    if answer.status == 400 and WRONG_HOST.title in answer.text:
        return change(
            "wrong-host",
            f"The app does not serve the name that it is asked for; the address says {site.host}.",
            "Add the name to WEBAPP_TRUSTED_HOSTS, and let the proxy pass the Host header on "
            "(nginx: `proxy_set_header Host $http_host;`).",
        )
    if answer.status in (502, 503, 504):
        return change(
            "no-app",
            f"The server in front answers {answer.status}: it does not reach the app.",
            "Start the app, and compare its address with the one in the proxy.",
        )
    if answer.status in (401, 403):
        return change(
            "blocked",
            f"A server in front of the app closes {ALIVE} to visitors ({answer.status}).",
            "Let /healthz, /readyz and /healthz/stream pass.",
        )
    if answer.status != 200 or answer.text.strip() != "ok":
        return change(
            "another-site",
            f"The server at {site.url} is not Chat Profiles ({answer.status}).",
            "Check the address, and the path below which the app is mounted.",
        )
    return None


def _check_way(probe: StreamProbe) -> Finding:
    server = "" if probe.server == "unknown" else f" ({probe.server})"
    if probe.is_streamed:
        return good("sse", f"Answers are streamed, {probe.streams} at once in a process{server}.")
    if probe.way == "sse":
        return change(
            "sse-without-threads",
            f"WEBAPP_STREAMING=sse is set, but this server{server} has no thread for a stream.",
            f"{advise_on_threads(probe.server)} Or remove the setting.",
        )
    if probe.streams:
        return hint(probe.way, f"WEBAPP_STREAMING={probe.way} is set, so nothing is streamed.")
    if probe.way == "inline":
        return change(
            "inline",
            f"Pages wait for whole answers: the server runs nothing between requests{server}.",
            advise_on_threads(probe.server),
        )
    if probe.server == "unknown":
        return change(
            "poll",
            "Pages ask again and again instead of a stream, until this server has answered two "
            "requests at once: it does not tell how many threads it has.",
            f"{advise_on_threads(probe.server)} Or set WEBAPP_MAX_STREAMS below its number.",
        )
    return change(
        "poll",
        f"Pages ask again and again instead of a stream: one or two threads are too few{server}.",
        f"{advise_on_threads(probe.server)} Or WEBAPP_MAX_STREAMS is 0.",
    )


def _check_flow(probe: StreamProbe) -> Finding:
    if not probe.complete:
        return change(
            "cut-off",
            "A stream of 1.5 s ends too early.",
            "Raise the time limits of the servers in front of the app, and read the app's log.",
        )
    if probe.flows:
        return good("flows", "Nothing holds streams back: the events arrive one by one.")
    if probe.lumps == 1:
        return change(
            "buffered",
            "A server in between buffers: all events of a stream arrive at its end.",
            advise_on_buffering(probe.answer),
        )
    return change(
        "lumpy",
        f"A server in between holds streams back: the events arrive in {probe.lumps} lumps.",
        advise_on_buffering(probe.answer),
    )
