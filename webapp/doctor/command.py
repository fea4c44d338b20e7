"""The command `chat-profiles doctor`."""

from __future__ import annotations

import json

import click

from webapp.console import count_noun, say
from webapp.doctor.findings import CHANGE, GOOD, HINT, Report
from webapp.doctor.http_client import Site
from webapp.doctor.local_checks import check_here
from webapp.doctor.site_checks import check_site

EXIT_CHANGE = 1
WORDS = {GOOD: "ok      ", HINT: "note    ", CHANGE: "CHANGE  "}


# Not chat_profiles.command(): it needs no app and no database.
@click.command(short_help="Say how answers reach a page, what is in the way, and what to change.")
@click.argument("url", metavar="[URL]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def doctor(url: str | None, as_json: bool) -> None:
    """Say how answers reach a page, what is in the way, and what to change.

    With the URL of a running site it looks from outside: at the app, its server and the proxies in
    front. Without one it looks at the settings here, and starts the app for a moment. It changes
    nothing. The exit code is 1 when something should be changed.

    \b
    Example:
      chat-profiles doctor https://chat.example.org
      chat-profiles doctor
    """
    report = check_here() if url is None else check_site(Site.from_url(url))
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=2))
    else:
        _print(report)
    if report.changes:
        raise SystemExit(EXIT_CHANGE)


def _print(report: Report) -> None:
    for finding in report.findings:
        say(f"{WORDS[finding.level]}{finding.line}")
    changes = report.changes
    say(f"{count_noun(changes, 'thing')} to change." if changes else "Nothing to change.")
