"""Code as HTML in which keywords, strings, comments and the like have classes of their own.

The language is what the author of the code says it is: nothing is guessed. A lexer is loaded when
its language first comes up. On hostile input some lexers take quadratic time, so what one message
may spend is limited (`Allowance`), and code that would go beyond it is shown plain.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from itertools import groupby
from operator import itemgetter

from pygments.lexer import Lexer
from pygments.lexers import find_lexer_class_by_name
from pygments.util import ClassNotFound

# More code than that is shown plain: in one block, and in one message.
BLOCK_LIMIT = 20_000
MESSAGE_LIMIT = 60_000
SECONDS = 0.25
# One-letter tokens would make more HTML than R37 allows.
RATIO = 12
SHORT = 1_000

# The languages, with other names for them, as models and people write them, and with languages that
# are much like them. Their lexers were measured with hostile input: none goes on for long without a
# token, as those of INI and of shell sessions do.
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

# The kinds of tokens that are told apart, from the general to the special.
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
    """What may still be spent on the code of one message: characters, and seconds of work."""

    characters: int = MESSAGE_LIMIT
    seconds: float = SECONDS


def highlighted(code: str, language: str, allowance: Allowance) -> str | None:
    """Return ``code`` as HTML, or ``None`` when it is to be shown plain.

    Parameters
    ----------
    code
        The code. The text of the HTML is the same, to the last character.
    language
        The name of the language in any case, or another name for it.
    allowance
        What may be spent. It afterwards is less by what was.
    """
    name = _NAMES.get(language.lower())
    if name is None or len(code) > min(BLOCK_LIMIT, allowance.characters):
        return None
    lexer = _lexer(name)
    if lexer is None:
        return None
    # PHP as it is written in answers has no tags around it. The first one of a lexer compiles it.
    rules = lexer(startinline="<?" not in code)
    began = time.thread_time()
    try:
        html = _html(rules, code, began + allowance.seconds)
    except RecursionError:  # rules that apply themselves to a part of what they match
        html = None
    allowance.characters -= len(code)
    allowance.seconds -= time.thread_time() - began
    return html


@lru_cache(maxsize=len(LANGUAGES))
def _lexer(name: str) -> type[Lexer] | None:
    try:
        return find_lexer_class_by_name(name)
    except ClassNotFound:  # an older Pygments
        return None


def _html(lexer: Lexer, code: str, deadline: float) -> str | None:
    pieces: list[tuple[str, str]] = []
    # Not `get_tokens`, which would tidy up white space first.
    for number, (_, kind, text) in enumerate(lexer.get_tokens_unprocessed(code)):
        if not number % 16 and time.thread_time() > deadline:
            return None
        pieces.append((_class(kind), text))
    if "".join(text for _, text in pieces) != code:
        return None
    html = "".join(
        _span(name, "".join(text for _, text in group))
        for name, group in groupby(pieces, key=itemgetter(0))
    )
    return html if len(html) <= max(SHORT, RATIO * len(code)) else None


def _span(name: str, text: str) -> str:
    text = escape(text, quote=False)
    return f'<span class="language-{name}">{text}</span>' if name else text


@lru_cache(maxsize=256)
def _class(kind: tuple[str, ...]) -> str:
    return CLASSES[kind] if kind in CLASSES else _class(kind[:-1]) if kind else ""
