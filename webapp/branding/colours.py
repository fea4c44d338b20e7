"""The colours of Chainlit's `public/theme.json`, as a stylesheet with the tokens of our own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from webapp.authoring.loading.site_text import SiteTextError, one_line, read_site_text

FILE = "public/theme.json"
BYTES_READ = 100_000
# The tokens that each variable sets. The last one of those that name the same token counts.
COLOURS = {
    "--background": "--ground",
    "--foreground": "--text",
    "--sidebar-background": "--side",
    "--card": "--raised",
    "--popover": "--raised",
    "--secondary": "--surface",
    "--muted": "--surface",
    "--muted-foreground": "--muted",
    "--accent": "--accent-soft",
    "--primary": "--accent",
    "--primary-foreground": "--on-accent",
    "--border": "--line",
    "--destructive": "--danger",
}
FONTS = {"--font-sans": "--sans", "--font-mono": "--mono"}
LENGTHS = {"--radius": "--radius"}
# They have no counterpart, and say nothing that could be seen here.
IGNORED = {
    "--accent-foreground",
    "--card-foreground",
    "--destructive-foreground",
    "--input",
    "--popover-foreground",
    "--ring",
    "--secondary-foreground",
    "--sidebar-accent",
    "--sidebar-accent-foreground",
    "--sidebar-border",
    "--sidebar-foreground",
    "--sidebar-primary",
    "--sidebar-primary-foreground",
    "--sidebar-ring",
}
THEMES = ("light", "dark")
_COLOUR_TOKENS = {*COLOURS.values(), "--accent-deep"}
_NUMBER = r"-?\d{1,3}(?:\.\d{1,6})?"
_HSL = re.compile(rf"{_NUMBER}(?:deg)?,? +{_NUMBER}%,? +{_NUMBER}%(?: */ *{_NUMBER}%?)?")
_CSS_COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}|(?:hsla?|rgba?|oklch|oklab)\([\d.%, /deg-]{5,60}\)")
_FONT = re.compile(r"[\w '\",.-]{1,300}")
_LENGTH = re.compile(r"\d{1,3}(?:\.\d{1,4})?(?:rem|em|px)")


def read_colours(folder: Path) -> tuple[str, tuple[str, ...]]:
    """Return the rules of a stylesheet, and a line for each thing that is wrong with the file."""
    try:
        text = read_site_text(folder / FILE, BYTES_READ)
        theme: Any = json.loads(text) if text else {}
    except SiteTextError as error:
        return "", (f"{FILE} {error}, so it is not used.",)
    except (ValueError, RecursionError) as error:
        reason = one_line(str(error), 200) or "it is nested too deeply"
        return "", (f"{FILE} is not JSON, so it is not used: {reason}.",)
    variables = theme.get("variables", {}) if isinstance(theme, dict) else None
    if not isinstance(variables, dict):
        return "", (f'{FILE} has no object "variables", so it is not used.',)

    problems: list[str] = []
    if theme.get("custom_fonts"):
        problems.append(
            f"{FILE}: custom_fonts are not loaded, since no other site serves parts of a page. Put "
            "the font into public/ and name it in public/theme.css."
        )
    tokens: dict[str, dict[str, str]] = {}
    for name in THEMES:
        given = variables.get(name, {})
        if not isinstance(given, dict):
            problems.append(f"{FILE}: {name} is no object of variables.")
            continue
        tokens[name] = _read_tokens(name, given, problems)
    return _write_rules(tokens), tuple(problems)


def _write_rules(tokens: dict[str, dict[str, str]]) -> str:
    """Return the rules. A profile may ask for light or dark pages, so what is known for both stands
    in one rule, and only the rest follows the system."""
    light, dark = (tokens.get(name, {}) for name in THEMES)
    of_both = {
        token: value if value == dark[token] else f"light-dark({value},{dark[token]})"
        for token, value in light.items()
        if token in dark and (token in _COLOUR_TOKENS or value == dark[token])
    }
    rules = [_rule(of_both)]
    for name, given in tokens.items():
        rest = {token: value for token, value in given.items() if token not in of_both}
        rules.append(f"@media (prefers-color-scheme:{name}){{{_rule(rest)}}}\n" if rest else "")
    return "".join(rules)


def _rule(tokens: dict[str, str]) -> str:
    body = ";".join(f"{token}:{value}" for token, value in tokens.items())
    return f":root{{{body}}}" if body else ""


def _read_tokens(theme: str, given: dict[str, Any], problems: list[str]) -> dict[str, str]:
    tokens = {}
    for name, token in (COLOURS | FONTS | LENGTHS).items():
        if name not in given:
            continue
        value = _read_value(name, given[name])
        if value is None:
            kind = "colour" if name in COLOURS else "font" if name in FONTS else "length"
            shown = one_line(str(given[name]), 60)
            problems.append(f"{FILE}: {name} of {theme} is no {kind}: {shown!a}.")
        else:
            tokens[token] = value
    if "--ground" in tokens:
        tokens.setdefault("--surface", "color-mix(in oklab,var(--ground) 94%,var(--text))")
        tokens.setdefault("--side", "color-mix(in oklab,var(--ground) 97%,var(--text))")
    if "--accent" in tokens:
        tokens["--accent-deep"] = "color-mix(in oklab,var(--accent) 80%,var(--text))"
        tokens.setdefault("--accent-soft", "color-mix(in oklab,var(--accent) 12%,var(--ground))")
    unknown = given.keys() - COLOURS.keys() - FONTS.keys() - LENGTHS.keys() - IGNORED
    if unknown:
        names = ", ".join(sorted(one_line(str(name), 40) for name in unknown)[:10])
        problems.append(f"{FILE}: {theme} has variables that mean nothing here: {names!a}.")
    return tokens


def _read_value(name: str, value: object) -> str | None:
    text = value.strip() if isinstance(value, str) else ""
    if name in FONTS:
        is_whole = text.count("'") % 2 == 0 and text.count('"') % 2 == 0
        return text if is_whole and _FONT.fullmatch(text) else None
    if name in LENGTHS:
        return text if _LENGTH.fullmatch(text) else None
    if _HSL.fullmatch(text):
        return f"hsl({text})"
    return text if _CSS_COLOUR.fullmatch(text) else None
