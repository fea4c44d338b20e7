"""How `chat-profiles run` serves: with waitress, or with a server that starts again on changes."""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NoReturn

import click
from flask import Flask
from waitress.server import create_server
from werkzeug.serving import WSGIRequestHandler, is_running_from_reloader, run_simple

from webapp.accounts.directory import has_accounts
from webapp.app import build_app
from webapp.authoring.errors import AuthoringError
from webapp.authoring.loading.app_file import ChatApp
from webapp.authoring.loading.loader import load_chat_app, locate_app_file
from webapp.authoring.seeded_user import seeded_user
from webapp.config import LOOPBACK_HOSTS, Settings, StartupError
from webapp.console import note, printable, say
from webapp.database.schema import settle_schema
from webapp.web.headers import security_headers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

EVERY_ADDRESS = ("0.0.0.0", "::", "", "*")  # noqa: S104 - to be refused, not to be listened on


@dataclass(frozen=True)
class Place:
    """Which app file is served, and where."""

    app: str
    host: str
    port: int


def serve(place: Place, threads: int) -> None:
    """Serve until Ctrl+C or SIGTERM.

    Raises
    ------
    AuthoringError
        When the app file cannot be loaded; nothing has been changed by then.
    StartupError
        When a setting is missing, or the address cannot be listened on.
    """
    settings = Settings.from_environment()
    hosts = hosts_to_trust(place.host, settings)
    chat_app = load_chat_app(place.app)
    settings = _prepared(settings, hosts)
    app = build_app(chat_app, settings)
    server = _listening(app, place, threads, settings)
    _leave_when_asked()
    _hint(app, chat_app)
    _say_where(place, _port(server), settings)
    server.run()


def serve_and_reload(place: Place) -> None:
    """Serve until Ctrl+C or SIGTERM; start again whenever a Python file is saved.

    An app file that is broken at the moment gets a page that says so, until it is saved again.
    """
    settings = Settings.from_environment()
    hosts = hosts_to_trust(place.host, settings)
    in_child = is_running_from_reloader()
    if not in_child:
        locate_app_file(place.app)  # one that is not there will not come by being saved
        _refuse_taken_port(place)
    settings = _prepared(settings, hosts)
    if in_child:
        _leave_when_asked()
        _say_where(place, _inherited_port(), settings)
    application = _app_or_problem(place, settings) if in_child else _problem_page("starting")
    # The server's own words are for those who start it themselves; ours have been said.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    run_simple(
        place.host,
        place.port,
        application,
        use_reloader=True,
        threaded=True,
        extra_files=[place.app],
        request_handler=_NamelessHandler,
    )


class _NamelessHandler(WSGIRequestHandler):
    def version_string(self) -> str:
        """Tell nobody which versions these are (R42)."""
        return ""


def hosts_to_trust(host: str, settings: Settings) -> tuple[str, ...]:
    """Return the names under which a site that listens on ``host`` is asked for.

    Raises
    ------
    StartupError
        When it must be told what the site is called.
    """
    if host in EVERY_ADDRESS and not settings.trusted_hosts:
        raise StartupError(
            f"--host {host or repr(host)} listens on every address of this machine: also set "
            "WEBAPP_TRUSTED_HOSTS to the host names or addresses that people type, separated by "
            "commas."
        )
    if settings.trusted_hosts:
        return settings.trusted_hosts
    if _is_ipv6(host) and not ip_address(host).is_loopback:
        # Werkzeug's check of the Host header cuts an entry at its first colon.
        raise StartupError(
            f"--host {host} can only be reached by a name: also set WEBAPP_TRUSTED_HOSTS to the "
            "host name that people type."
        )
    own = () if _is_ipv6(host) else (host,)
    return tuple(dict.fromkeys((*own, *LOOPBACK_HOSTS)))


def _prepared(settings: Settings, hosts: tuple[str, ...]) -> Settings:
    prepared = settings.for_development(hosts)
    prepared.refuse_if_unsafe()
    settle_schema(prepared, upgrade_old=True)
    return prepared


def _listening(app: Flask, place: Place, threads: int, settings: Settings) -> Any:
    try:
        return create_server(
            app,
            host=place.host,
            port=place.port,
            threads=threads,
            ident=None,
            # ProxyFix reads them, as many as WEBAPP_PROXY_HOPS says.
            clear_untrusted_proxy_headers=not settings.proxy_hops,
        )
    except (OSError, ValueError) as error:
        raise StartupError(_cannot_listen(place, error)) from error


def _cannot_listen(place: Place, error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return f"port {place.port} is in use; stop what uses it, or choose another with --port"
    if number == errno.EACCES:
        return f"port {place.port} may not be used by this user; choose one from 1024 up"
    return f"cannot listen on {place.host}: it is no address of this machine; change --host"


def _port(server: Any) -> int:
    # One socket, or one for each address that the host's name stands for.
    several = getattr(server, "effective_listen", None)
    return int(several[0][1] if several else server.effective_port)


def _inherited_port() -> int:
    # The first process has bound the socket; the one that serves is given its descriptor.
    descriptor = os.dup(int(os.environ["WERKZEUG_SERVER_FD"]))
    with socket.socket(fileno=descriptor) as bound:
        return int(bound.getsockname()[1])


def _say_where(place: Place, port: int, settings: Settings) -> None:
    host = place.host
    if host in EVERY_ADDRESS or _is_ipv6(host):
        host = settings.trusted_hosts[0].lstrip(".")
    say(f"Chat Profiles is serving {place.app} at http://{host}:{port} — press Ctrl+C to stop")
    # A pipe keeps the line until there are more; whoever waits for it wants it now.
    sys.stdout.flush()


def _hint(app: Flask, chat_app: ChatApp) -> None:
    if not chat_app.callbacks:
        note(f"{chat_app.file_name} registers nothing; did you forget the decorators?")
    _hint_at_accounts(app, chat_app)


def _hint_at_accounts(app: Flask, chat_app: ChatApp) -> None:
    callback = chat_app.get("password_auth_callback")
    if callback is None:
        return
    names = getattr(getattr(callback.function, "__code__", None), "co_names", ())
    if callback.function is not seeded_user and seeded_user.__name__ not in names:
        return
    with app.app_context():
        if not has_accounts():
            note("Nobody can log in yet; add a user with `chat-profiles users add USERNAME`.")


def _app_or_problem(place: Place, settings: Settings) -> WSGIApplication:
    try:
        chat_app = load_chat_app(place.app)
        app = build_app(chat_app, settings, watch_files=True)
    except AuthoringError as error:
        click.echo(f"Error: {printable(error)}", err=True)
        return _problem_page(str(error))
    _hint(app, chat_app)
    return app


def _problem_page(problem: str) -> WSGIApplication:
    text = f"The app file has a problem:\n\n{problem}\n\nSave it again, then reload this page.\n"
    body = text.encode(errors="replace")
    head = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        *security_headers().items(),
    ]

    def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        del environ
        start_response("500 Internal Server Error", head)
        return [body]

    return page


def _refuse_taken_port(place: Place) -> None:
    # The reloading server says so in several lines and with another exit code.
    family = socket.AF_INET6 if _is_ipv6(place.host) else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((place.host, place.port))
    except OSError as error:
        raise StartupError(_cannot_listen(place, error)) from error


def _is_ipv6(host: str) -> bool:
    try:
        return ip_address(host).version == 6
    except ValueError:
        return False


def _leave_when_asked() -> None:
    # Both, and from here on: whoever reads the address may press Ctrl+C before the server runs.
    # A shell starts what runs in its background with SIGINT ignored, which stays so.
    signal.signal(signal.SIGTERM, _leave)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _leave)


def _leave(signum: int, frame: object) -> NoReturn:
    del signum, frame
    raise SystemExit(0)
