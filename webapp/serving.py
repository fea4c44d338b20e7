"""The server of `chat-profiles run`: waitress, or one that restarts when a file changes."""

from __future__ import annotations

import base64
import errno
import hashlib
import html
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from flask import Flask
from waitress.server import create_server
from werkzeug.serving import WSGIRequestHandler, is_running_from_reloader, run_simple

from webapp.accounts import directory
from webapp.accounts.addresses import came_directly, is_loopback
from webapp.accounts.header_auth.trusted_proxy import find_proxy_problem
from webapp.accounts.new_passwords import generate_password
from webapp.authoring.errors import AuthoringError
from webapp.authoring.loading.app_file import ChatApp
from webapp.authoring.loading.loader import load_chat_app, locate_app_file
from webapp.authoring.loading.source_lines import explain_to_author
from webapp.authoring.users.seeded_user import seeded_user
from webapp.config.settings import LOOPBACK_HOSTS, Settings
from webapp.config.startup_error import StartupError
from webapp.console import labelled_block, note, printable, say
from webapp.database.schema import settle_schema
from webapp.site import BuildApp
from webapp.web.connections import bound_connections
from webapp.web.headers import security_headers
from webapp.web.life.lifespan import start_here
from webapp.web.log import hide_errors, show_errors

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

EVERY_ADDRESS = ("0.0.0.0", "::", "", "*")  # noqa: S104 - to be refused, not to be listened on
DEMO_USER = "demo"
PROBLEM_HEADER = "X-App-File-Problem"
LOOK_AT_TERMINAL = "The terminal in which the site was started says what is wrong."


@dataclass(frozen=True, kw_only=True)
class ServedApp:
    """The app file that is served, the address, and whether somebody may sign in as a demo."""

    app: str
    host: str
    port: int
    demo: bool


def serve(served: ServedApp, build_app: BuildApp, threads: int) -> None:
    """Serve until Ctrl+C or SIGTERM.

    Parameters
    ----------
    build_app:
        Makes the Flask app of the app file, as `webapp.app.build_app` does.

    Raises
    ------
    AuthoringError
        The app file cannot be loaded. Nothing has been changed.
    StartupError
        A setting is missing, or the server cannot listen on the address.
    """
    settings = Settings.from_environment()
    hosts = hosts_to_trust(served.host, settings)
    chat_app = load_chat_app(served.app)
    settings = _prepare(settings, hosts)
    _refuse_unknown_proxy(chat_app, settings)
    app = build_app(chat_app, settings)
    bound_connections(settings.files_bytes if chat_app.may_take_uploads else 0)
    # Waitress warns of each request that waits for a thread, as the first one may.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    try:
        server: Any = create_server(
            app,
            host=served.host,
            port=served.port,
            threads=threads,
            ident=None,
            # ProxyFix reads them, as many as WEBAPP_PROXY_HOPS says.
            # The app believes them only with WEBAPP_PROXY_HOPS. But it heeds that they are there.
            clear_untrusted_proxy_headers=False,
        )
    except (OSError, ValueError) as error:
        raise StartupError(_explain_listen_failure(served, error)) from error
    start_here(app)
    _show_errors_to_author(app, chat_app, served, settings)
    _exit_on_signals()
    demo_password = _add_demo_user(app) if served.demo else ""
    _print_hints(app, chat_app)
    # One socket, or one for each address of the host's name.
    several = getattr(server, "effective_listen", None)
    port = int(several[0][1] if several else server.effective_port)
    if served.demo:
        _print_demo(_address(served, port, settings), demo_password)
    else:
        _print_address(served, port, settings)
    server.run()


def serve_and_reload(served: ServedApp, build_app: BuildApp) -> None:
    """Serve until Ctrl+C or SIGTERM, and restart whenever a Python file is saved.

    While the app file is broken, the site shows a page that says so.

    Parameters
    ----------
    build_app:
        Makes the Flask app of the app file. It should look for changed files at each request.
    """
    settings = Settings.from_environment()
    hosts = hosts_to_trust(served.host, settings)
    in_child = is_running_from_reloader()
    if not in_child:
        locate_app_file(served.app)  # a missing file does not appear by being saved
        _refuse_port_in_use(served)
    settings = _prepare(settings, hosts)
    application = _problem_page("starting")
    if in_child:
        _exit_on_signals()
        # The first process has bound the socket, and this one has its descriptor.
        descriptor = os.dup(int(os.environ["WERKZEUG_SERVER_FD"]))
        with socket.socket(fileno=descriptor) as bound:
            port = int(bound.getsockname()[1])
        _print_address(served, port, settings)
        try:
            chat_app = load_chat_app(served.app)
            _refuse_unknown_proxy(chat_app, settings)
            application = app = build_app(chat_app, settings)
            start_here(app)
            _show_errors_to_author(app, chat_app, served, settings)
        except AuthoringError as error:
            lines = [printable(line) for line in str(error).splitlines()]
            click.echo("\n".join([f"Error: {lines[0]}", *lines[1:]]), err=True)
            is_shown = _is_for_this_machine(served, settings)
            application = _problem_page(str(error) if is_shown else LOOK_AT_TERMINAL)
        else:
            demo_password = _add_demo_user(app) if served.demo else ""
            _print_hints(app, chat_app)
            if served.demo:
                _print_demo(_address(served, port, settings), demo_password)
    # What is read at the start, as it lies beside an app file.
    folder = Path(served.app).parent
    beside = (".env", ".chainlit/config.toml", "public/theme.json", "chainlit.md")
    files = [*(folder / name for name in beside), *folder.glob("chainlit_*.md")]
    # The server's own messages are for people who start it themselves.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    run_simple(
        served.host,
        served.port,
        application,
        use_reloader=True,
        threaded=True,
        extra_files=[served.app, *map(str, files)],
        request_handler=_NamelessHandler,
    )


class _NamelessHandler(WSGIRequestHandler):
    def version_string(self) -> str:
        """Return no version, since attackers look for known ones."""
        return ""


def hosts_to_trust(host: str, settings: Settings) -> tuple[str, ...]:
    """Return the host names that requests to a site on ``host`` may have.

    Raises
    ------
    StartupError
        When a setting must name the site.
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
        # Werkzeug's check of the Host header cuts each entry at its first colon.
        raise StartupError(
            f"--host {host} can only be reached by a name: also set WEBAPP_TRUSTED_HOSTS to the "
            "host name that people type."
        )
    own = () if _is_ipv6(host) else (host,)
    return tuple(dict.fromkeys((*own, *LOOPBACK_HOSTS)))


def _prepare(settings: Settings, hosts: tuple[str, ...]) -> Settings:
    prepared = settings.for_development(hosts)
    prepared.refuse_if_unsafe()
    settle_schema(prepared, upgrade_old=True)
    return prepared


def _refuse_unknown_proxy(chat_app: ChatApp, settings: Settings) -> None:
    problem = find_proxy_problem(chat_app, settings)
    if problem is not None:
        raise StartupError(problem)


def _explain_listen_failure(served: ServedApp, error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return (
            f"port {served.port} is in use; stop the program that uses it, or choose another with "
            "--port"
        )
    if number == errno.EACCES:
        return f"port {served.port} may not be used by this user; choose one from 1024 up"
    return f"cannot listen on {served.host}: it is not an address of this machine; change --host"


def _address(served: ServedApp, port: int, settings: Settings) -> str:
    host = served.host
    if host in EVERY_ADDRESS or _is_ipv6(host):
        host = settings.trusted_hosts[0].lstrip(".")
    return f"http://{host}:{port}"


def _print_address(served: ServedApp, port: int, settings: Settings) -> None:
    address = _address(served, port, settings)
    say(f"Chat Profiles is serving {served.app} at {address} — press Ctrl+C to stop")
    # A pipe would keep the line until more lines follow.
    sys.stdout.flush()


def _add_demo_user(app: Flask) -> str:
    """Add the demo user if it is not there, and return the password, or "" if it was there."""
    with app.app_context():
        if directory.find(DEMO_USER):
            return ""
        password = generate_password()
        directory.add(DEMO_USER, password, details={"role": "ADMIN"})
        return password


def _print_demo(address: str, password: str) -> None:
    """Print all that somebody needs to sign in."""
    command = sys.argv[0] if Path(sys.argv[0]).name == "chat-profiles" else "chat-profiles"
    note = f"For a new password, run `{command} users set-password {DEMO_USER}`."
    block = {
        "Address": address,
        "User": DEMO_USER,
        "Password": password or "the one that was shown at the first start",
        "Note": "The password is shown only now." if password else note,
        "To stop": "Press Ctrl+C.",
    }
    click.echo(labelled_block(block), nl=False)
    sys.stdout.flush()


def _print_hints(app: Flask, chat_app: ChatApp) -> None:
    if not chat_app.callbacks:
        note(f"{chat_app.file_name} registers nothing; did you forget the decorators?")
    callback = chat_app.get("password_auth_callback")
    if callback is None:
        return
    names = getattr(getattr(callback.function, "__code__", None), "co_names", ())
    if callback.function is not seeded_user and seeded_user.__name__ not in names:
        return
    with app.app_context():
        if not directory.has_accounts():
            note("Nobody can sign in yet; add a user with `chat-profiles users add USERNAME`.")


def _problem_page(problem: str) -> WSGIApplication:
    """Return an app that shows the problem, and whose page asks for itself until it is mended."""
    script = (
        "setInterval(async () => { try { const answer = await fetch(location.href); "
        f"if (!answer.headers.has('{PROBLEM_HEADER}')) "
        "location.assign(location.pathname + location.search); "
        "} catch { /* the server is starting again */ } }, 1000);"
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; connect-src 'self'; script-src 'sha256-{digest}'"
    body = (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=color-scheme "
        'content="light dark"><title>The app file has a problem</title>'
        '<noscript><meta http-equiv="refresh" content="2"></noscript>'
        f"<h1>The app file has a problem</h1><pre>{html.escape(problem)}</pre>"
        f"<p>Mend it and save it. This page then reloads itself.</p><script>{script}</script>\n"
    ).encode(errors="replace")
    head = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        (PROBLEM_HEADER, "true"),
        # A form or link of the page that was open before lands on the whole page.
        ("HX-Refresh", "true"),
        *(security_headers() | {"Content-Security-Policy": policy}).items(),
    ]

    def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if problem != LOOK_AT_TERMINAL and not came_directly(environ):
            return elsewhere(environ, start_response)
        start_response("500 Internal Server Error", head)
        return [body]

    elsewhere = page if problem == LOOK_AT_TERMINAL else _problem_page(LOOK_AT_TERMINAL)
    return page


def _refuse_port_in_use(served: ServedApp) -> None:
    # The restarting server would print several lines, and exit with another code.
    family = socket.AF_INET6 if _is_ipv6(served.host) else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((served.host, served.port))
    except OSError as error:
        raise StartupError(_explain_listen_failure(served, error)) from error


def _show_errors_to_author(
    app: Flask, chat_app: ChatApp, served: ServedApp, settings: Settings
) -> None:
    """Show what callbacks raise on the pages, where only this machine can reach the site."""
    if not _is_for_this_machine(served, settings):
        return
    show_errors(app, partial(explain_to_author, folder=chat_app.folder))
    serve = app.wsgi_app

    def hide_errors_from_others(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        # Whoever comes through a tunnel may be anybody, and may see what others see.
        if not came_directly(environ):
            hide_errors(app)
        return serve(environ, start_response)

    app.wsgi_app = hide_errors_from_others  # type: ignore[method-assign]


def _is_for_this_machine(served: ServedApp, settings: Settings) -> bool:
    # Not where other machines may reach it, as through a tunnel under another name.
    names = (served.host, *settings.trusted_hosts)
    return all(map(is_loopback, names)) and not settings.proxy_hops


def _is_ipv6(host: str) -> bool:
    try:
        return ip_address(host).version == 6
    except ValueError:
        return False


def _exit_on_signals() -> None:
    # From here on, since you may press Ctrl+C as soon as the address is printed. A shell starts
    # background jobs with SIGINT ignored, and that stays so.
    def exit_cleanly(signum: int, frame: object) -> NoReturn:
        del signum, frame
        # Waitress warns of each thread that an author's function still holds.
        logging.getLogger("waitress").setLevel(logging.ERROR)
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, exit_cleanly)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, exit_cleanly)
