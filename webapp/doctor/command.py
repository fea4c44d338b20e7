"""The command `chat-profiles doctor`."""

from __future__ import annotations

import json

import click

from webapp.console import count_noun, say
from webapp.doctor.findings import CHANGE, GOOD, HINT
from webapp.doctor.http_client import Site
from webapp.doctor.local_checks import check_settings
from webapp.doctor.site_checks import check_site
from webapp.site import BuildApp

EXIT_CHANGE = 1
WORDS = {GOOD: "ok      ", HINT: "note    ", CHANGE: "CHANGE  "}


def make_command(build_app: BuildApp) -> click.Command:
    """Return the command `doctor`. It needs no database, and no app beyond the one it builds.

    Parameters
    ----------
    build_app:
        Makes the Flask app of an app file, as `webapp.app.build_app` does.
    """

    @click.command(short_help="Check how answers reach a page, and say what to change.")
    @click.argument("url", metavar="[URL]", required=False)
    @click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
    def doctor(url: str | None, as_json: bool) -> None:
        """Check how answers reach a page, and say what to change.

        With the URL of a running site, the doctor looks from outside: at the app, its server and
        the proxies in front. Without a URL it checks the settings here, and starts the app for a
        moment. It changes nothing. The exit code is 1 if something should change.

        \b
        Example:
          chat-profiles doctor https://chat.example.org
          chat-profiles doctor
        """
        report = check_settings(build_app) if url is None else check_site(Site.from_url(url))
        if as_json:
            click.echo(json.dumps(report.as_json(), indent=2))
        else:
            for finding in report.findings:
                say(f"{WORDS[finding.level]}{finding.line}")
            changes = report.changes
            say(f"{count_noun(changes, 'thing')} to change." if changes else "Nothing to change.")
        if report.changes:
            raise SystemExit(EXIT_CHANGE)

    return doctor
