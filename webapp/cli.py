"""The command `chat-profiles`."""

from __future__ import annotations

import functools
import os
import sys
from importlib.metadata import PackageNotFoundError, version

import click
from flask import Flask
from flask.cli import ScriptInfo

from webapp.app import build_app
from webapp.app_files.check_command import check
from webapp.app_files.env_file import read_env_file
from webapp.app_files.new_command import new
from webapp.authoring.errors import AuthoringError
from webapp.commands import COMMANDS
from webapp.config.settings import Settings
from webapp.console import BadInputError, CommandGroup, WholeNumber
from webapp.database import engines
from webapp.database.commands import secret
from webapp.doctor.command import make_command as make_doctor_command
from webapp.serving import ServedApp, serve, serve_and_reload
from webapp.web.log import set_up_logging
from webapp.wiring import wire_rooms

NAME = "chat-profiles"


def main() -> None:
    """Run the command and exit."""
    # Python has None for a stream that was closed when it began. Standard output stays closed:
    # a command that cannot print its result must fail.
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY))
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    chat_profiles(prog_name=NAME, obj=ScriptInfo(create_app=admin_app, set_debug_flag=False))


def admin_app() -> Flask:
    """Return an app with a database only, for commands that need no app file."""
    settings = Settings.from_environment()
    app = Flask("webapp", static_folder=None)
    wire_rooms(app, settings)
    set_up_logging(settings.log_level)
    engines.init_app(app, settings)
    context = click.get_current_context(silent=True)
    if context is not None:

        @context.find_root().call_on_close
        def close() -> None:
            with app.app_context():
                engines.close_connections()

    return app


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    try:
        number = version(NAME)
    except PackageNotFoundError:
        number = "(a checkout that is not installed)"
    click.echo(f"{NAME} {number}")
    context.exit()


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version.",
)
def chat_profiles() -> None:
    """Serve a chat app, and look after its users and its database.

    Settings come from the environment: WEBAPP_DATABASE_URL, WEBAPP_TRUSTED_HOSTS and others.

    \b
    Example:
      chat-profiles run app.py
      chat-profiles users add alice --role ADMIN
    """


# Not chat_profiles.command(): running an app needs no app first.
@click.command(short_help="Serve an app file, for development and small sites.")
@click.argument("app", metavar="APP.py")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=WholeNumber(0, 65_535),
    help="The port to listen on. 0 takes a free one.",
)
@click.option("--reload", is_flag=True, help="Start again whenever a Python file is saved.")
@click.option(
    "--threads",
    default=8,
    show_default=True,
    type=WholeNumber(1, 1_000),
    help="How many requests are answered at once.",
)
@click.option(
    "--demo",
    is_flag=True,
    help="Add an admin called demo, if there is none, and print how to sign in.",
)
def run(app: str, host: str, port: int, reload: bool, threads: int, demo: bool) -> None:
    """Serve the app file APP.py, for development and small sites.

    It listens on this machine only unless --host says otherwise, keeps a secret in instance/, and
    brings the database up to date. A file .env beside the app file sets variables that are not set.

    \b
    Example:
      chat-profiles run app.py
      chat-profiles run app.py --reload --port 5000
    """
    read_env_file(app)
    served = ServedApp(app=app, host=host, port=port, demo=demo)
    try:
        if reload:
            serve_and_reload(served, functools.partial(build_app, watch_files=True))
        else:
            serve(served, build_app, threads)
    except AuthoringError as error:
        raise BadInputError(*str(error).splitlines()) from error


chat_profiles.add_command(run)
chat_profiles.add_command(check)
chat_profiles.add_command(new)
chat_profiles.add_command(secret)
chat_profiles.add_command(make_doctor_command(build_app))
for command in COMMANDS:
    chat_profiles.add_command(command)

if __name__ == "__main__":
    main()
