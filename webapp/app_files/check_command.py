"""The command `chat-profiles check`."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import click

from webapp.authoring.checking.app_check import check_app, list_missing_files
from webapp.authoring.errors import AuthoringError
from webapp.authoring.loading.config_file import read_config_file
from webapp.authoring.loading.loader import locate_app_file
from webapp.branding.colours import read_colours
from webapp.branding.readme import read_readmes
from webapp.console import EXIT_BAD_INPUT, BadInputError, count_noun, file_problem, say

# How the readme begins that Chainlit writes into each new folder.
CHAINLIT_README = "# Welcome to Chainlit!"


@click.command(short_help="List what an app file uses and this framework does not have.")
@click.argument("app", metavar="APP.py")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def check(app: str, as_json: bool) -> None:
    """List what the app file APP.py uses and this framework does not have.

    It reads the file and the modules beside it that it imports, and runs none of them. Each line
    has file, line, and what to use instead. The exit code is 2 if there is something to change.
    Notes tell what has no effect in the files beside it, such as .chainlit/config.toml, and which
    files of the folder public are named and not there.

    \b
    Example:
      chat-profiles check app.py
    """
    try:
        path, _ = locate_app_file(app)
        source = path.read_bytes()
        with warnings.catch_warnings(action="ignore"):
            # More than its grammar: an `await` outside of an `async def` is found, too.
            compile(source, str(path), "exec", dont_inherit=True)
        problems = check_app(path, source)
    except SyntaxError as error:
        place = f"{path.name}:{error.lineno or 1}"
        raise BadInputError(f"{place}: {type(error).__name__}: {error.msg}") from error
    except ValueError as error:
        raise BadInputError(f"{path.name} is no Python file: {error}") from error
    except AuthoringError as error:
        raise BadInputError(str(error)) from error
    except OSError as error:
        raise BadInputError(file_problem(error)) from error
    notes = [*_list_notes(path.parent), *list_missing_files(path, source)]
    if as_json:
        report = {
            "app": str(path),
            "problems": [
                {"file": str(each.file), "line": each.line, "name": each.name, "text": each.text}
                for each in problems
            ],
            "notes": notes,
        }
        click.echo(json.dumps(report, indent=2))
    else:
        for problem in problems:
            say(problem.describe(path.parent))
        for line in notes:
            say(f"note: {line}")
        number = count_noun(len(problems), "thing") if problems else "nothing"
        say(f"{path.name}: {number} to change.")
    if problems:
        raise SystemExit(EXIT_BAD_INPUT)


def _list_notes(folder: Path) -> list[str]:
    """Return what has no effect in the files beside the app file, a line each."""
    config = read_config_file(folder)
    readmes, of_readmes = read_readmes(folder)
    lines = [*config.problems, *config.without_effect, *read_colours(folder)[1], *of_readmes]
    if any(text.startswith(CHAINLIT_README) for text in readmes.values()):
        lines.append("chainlit.md is still the text of Chainlit: write your own, or delete it.")
    if (folder / ".chainlit" / "translations").is_dir():
        lines.append(".chainlit/translations is not read: the words of pages are in English.")
    lines += [
        f"public/elements/{file.name} is not used: write the template elements/{file.stem}.html."
        for file in sorted((folder / "public" / "elements").glob("*.jsx"))
    ]
    return lines
