"""Code as HTML in which keywords, strings and comments have classes of their own.

The language is the one that the author of the code names: nothing is guessed. A lexer is loaded
when its language first comes up. Some lexers take quadratic time on hostile input, so each message
has an `Allowance`, and code that would exceed it is shown plain.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pygments.lexer import Lexer

# Code with more characters is shown plain: in one block, and in one message.
BLOCK_LIMIT = 20_000
MESSAGE_LIMIT = 60_000
SECONDS = 0.25
# One-letter tokens make much more HTML than text.
RATIO = 12
SHORT = 1_000

# The languages, each with its other names and with similar languages. Their lexers were measured
# with hostile input: none of them works for long without a token. Those of INI files and of shell
# sessions do, so these are not here.
LANGUAGES = {
    "bash": "console sh shell shell-session terminal zsh",
    "c": "",
    "cpp": "c++ cc cxx h hpp",
    "csharp": "c# cs",
    "css": "",
    "dart": "",
    "diff": "patch udiff",
    "docker": "dockerfile",
    "elixir": "ex exs",
    "go": "golang",
    "graphql": "",
    "haskell": "hs",
    "html": "htm svelte xhtml",
    "java": "",
    "javascript": "cjs js mjs node",
    "json": "json5 jsonc jsonl",
    "jsx": "",
    "kotlin": "kt kts",
    "less": "",
    "lua": "",
    "make": "makefile mk",
    "nginx": "",
    "objective-c": "objc objectivec",
    "perl": "pl",
    "php": "",
    "powershell": "ps ps1 pwsh",
    "properties": "cfg conf dotenv env ini",
    "protobuf": "proto",
    "python": "py py3 pyi python3",
    "r": "rscript",
    "ruby": "rb",
    "rust": "rs",
    "scala": "",
    "scss": "",
    "sql": "mysql plsql postgres postgresql psql sqlite tsql",
    "swift": "",
    "terraform": "hcl tf",
    "toml": "",
    "tsx": "",
    "typescript": "cts mts ts",
    "vue": "",
    "xml": "rss svg xsd xsl",
    "yaml": "yml",
}
_NAMES = {
    name: language for language in LANGUAGES for name in (language, *LANGUAGES[language].split())
}

# The kinds of tokens that get a class, from the general to the special.
CLASSES = {
    ("Comment",): "c",
    ("Comment", "Preproc"): "k",
    ("Comment", "PreprocFile"): "s",
    ("Generic", "Deleted"): "gd",
    ("Generic", "Heading"): "nf",
    ("Generic", "Inserted"): "gi",
    ("Generic", "Prompt"): "c",
    ("Generic", "Subheading"): "nf",
    ("Keyword",): "k",
    ("Keyword", "Constant"): "m",
    ("Keyword", "Type"): "nb",
    ("Literal",): "m",
    ("Literal", "String"): "s",
    ("Literal", "String", "Escape"): "m",
    ("Literal", "String", "Interpol"): "m",
    ("Name", "Attribute"): "nb",
    ("Name", "Builtin"): "nb",
    ("Name", "Builtin", "Pseudo"): "",  # self, and the like
    ("Name", "Class"): "nf",
    ("Name", "Constant"): "m",
    ("Name", "Decorator"): "nf",
    ("Name", "Exception"): "nb",
    ("Name", "Function"): "nf",
    ("Name", "Tag"): "k",
    ("Name", "Variable"): "nb",
    ("Operator", "Word"): "k",
}


@dataclass
class Allowance:
    """What the code of one message may still cost: characters, and seconds of CPU time."""

    characters: int = MESSAGE_LIMIT
    seconds: float = SECONDS


def highlight(code: str, language: str, allowance: Allowance) -> str | None:
    """Return ``code`` as HTML, or ``None`` when it is shown plain.

    Parameters
    ----------
    code
        The code. The HTML has the same text, to the last character.
    language
        The name of the language, or another name for it, in upper or lower case.
    allowance
        What highlighting may cost. Afterwards it is reduced by what it did cost.
    """
    name = _NAMES.get(language.lower())
    if name is None or len(code) > min(BLOCK_LIMIT, allowance.characters):
        return None
    lexer = _lexer(name)
    if lexer is None:
        return None
    # PHP in answers has no tags around it. The first instance of a lexer compiles its rules.
    rules = lexer(startinline="<?" not in code)
    began = time.thread_time()
    try:
        html = _render(rules, code, began + allowance.seconds)
    except RecursionError:  # rules that apply themselves to a part of their match
        html = None
    allowance.characters -= len(code)
    allowance.seconds -= time.thread_time() - began
    return html


@lru_cache(maxsize=len(LANGUAGES))
def _lexer(name: str) -> type[Lexer] | None:
    from pygments.lexers import find_lexer_class_by_name  # noqa: PLC0415 - 1 MiB, for code only
    from pygments.util import ClassNotFound  # noqa: PLC0415 - the same

    try:
        return find_lexer_class_by_name(name)
    except ClassNotFound:  # an older Pygments
        return None


def _render(lexer: Lexer, code: str, deadline: float) -> str | None:
    pieces: list[tuple[str, str]] = []
    # Not `get_tokens`, which would tidy up white space first.
    for number, (_, kind, text) in enumerate(lexer.get_tokens_unprocessed(code)):
        if not number % 16 and time.thread_time() > deadline:
            return None
        pieces.append((_class_of(kind), text))
    if "".join(text for _, text in pieces) != code:
        return None

    spans = []
    for name, group in groupby(pieces, key=itemgetter(0)):
        text = escape("".join(text for _, text in group), quote=False)
        spans.append(f'<span class="language-{name}">{text}</span>' if name else text)
    html = "".join(spans)
    return html if len(html) <= max(SHORT, RATIO * len(code)) else None


@lru_cache(maxsize=256)
def _class_of(kind: tuple[str, ...]) -> str:
    return CLASSES[kind] if kind in CLASSES else _class_of(kind[:-1]) if kind else ""
