"""The command `chat-profiles check`."""

from __future__ import annotations

import json

import click

from webapp.authoring.checking.app_check import Problem, check_app
from webapp.authoring.errors import AuthoringError
from webapp.authoring.loading.loader import locate_app_file
from webapp.console import EXIT_BAD_INPUT, BadInputError, count_noun, file_problem, say


@click.command(short_help="List what an app file uses and this framework does not have.")
@click.argument("app", metavar="APP.py")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def check(app: str, as_json: bool) -> None:
    """List what the app file APP.py uses and this framework does not have.

    It reads the file and the modules beside it that it imports, and runs none of them. Each line
    has file, line, and what to use instead. The exit code is 2 if there is something to change.

    \b
    Example:
      chat-profiles check app.py
    """
    try:
        path, _ = locate_app_file(app)
        problems = check_app(path, path.read_bytes())
    except AuthoringError as error:
        raise BadInputError(str(error)) from error
    except OSError as error:
        raise BadInputError(file_problem(error)) from error
    if as_json:
        click.echo(json.dumps({"app": str(path), "problems": _as_json(problems)}, indent=2))
    else:
        for problem in problems:
            say(problem.describe(path.parent))
        number = count_noun(len(problems), "thing") if problems else "nothing"
        say(f"{path.name}: {number} to change.")
    if problems:
        raise SystemExit(EXIT_BAD_INPUT)


def _as_json(problems: list[Problem]) -> list[dict[str, str | int]]:
    return [
        {"file": str(each.file), "line": each.line, "name": each.name, "text": each.text}
        for each in problems
    ]
