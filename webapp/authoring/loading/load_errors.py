"""Why an app file could not be loaded: one line with the place in the author's files."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from pkgutil import iter_modules
from traceback import walk_tb

from webapp.authoring.errors import AppFileError
from webapp.authoring.loading.missing_names import NOT_YET, missing_name, shown_name
from webapp.authoring.loading.source_lines import SourceLine, find_lines
from webapp.authoring.loading.submodules import NO_SUBMODULES

FRAMEWORK = "webapp"
# Packages that are well known to app files, so their names may be given to pip. On the package
# index, any other name may belong to a stranger.
_WELL_KNOWN = (
    "aiofiles aiohttp anthropic boto3 chromadb cohere diskcache duckdb elasticsearch groq "
    "httpx huggingface_hub jinja2 jsonschema langchain langchain_anthropic langchain_community "
    "langchain_core langchain_google_genai langchain_ollama langchain_openai langgraph langsmith "
    "litellm llama_index lxml markdown matplotlib mistralai mcp networkx nltk numpy ollama openai "
    "openpyxl pandas pdfplumber plotly polars psycopg psycopg2 pyarrow pydantic pydantic_ai "
    "pydantic_settings pymongo pypdf qdrant_client redis replicate requests rich scipy seaborn "
    "sentence_transformers spacy sqlalchemy sympy tenacity tensorflow tiktoken torch tqdm "
    "transformers weaviate"
)
WELL_KNOWN = frozenset(_WELL_KNOWN.split())
# Those whose name on the package index is not the name that is imported.
INSTALLED_AS = {
    "PIL": "Pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "fitz": "PyMuPDF",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "sklearn": "scikit-learn",
    "weaviate": "weaviate-client",
    "yaml": "PyYAML",
}
_NOT_IMPORTED = re.compile(r"cannot import name '(\w+)' from")


def load_error(error: BaseException, path: Path) -> AppFileError:
    """Return the error that tells the author of ``path`` why the file could not be loaded."""
    lines = find_lines(path.parent, error)
    # A file that cannot be compiled has no frame. Other text, as given to `ast.literal_eval`, has
    # no file: then the line that gave it is what helps.
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_file():
        lines.append(SourceLine(Path(error.filename), error.lineno or 1, "<module>"))

    way = ""
    steps = [(outer, inner) for outer, inner in pairwise(lines) if outer.file != inner.file]
    if steps:
        outer, inner = steps[-1]
        verb = "imported" if inner.function == "<module>" else "called"
        way = f" ({verb} from {outer.describe(path.parent)})"

    place = f"{lines[-1].file}:{lines[-1].line}" if lines else str(path)
    return AppFileError(place, f"{_explain(error, path.parent)}{way}")


def _explain(error: BaseException, folder: Path) -> str:
    if isinstance(error, SystemExit):
        if hasattr(error, "lines"):  # a StartupError, raised by create_app()
            return (
                "calls create_app(), which belongs in a separate WSGI file; remove it from the "
                "app file."
            )
        return "calls sys.exit() while it is loaded; put that under `if __name__ == '__main__':`."
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    text = " ".join(str(error).split())
    reason = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, KeyError) and _asked_environ(error):
        # Not the text of the key alone, which says nothing of where it was looked for.
        name = error.args[0]
        return (
            f"the environment variable {name} is not set. Set it. `chat-profiles run` also reads a "
            f"file .env beside the app file, with a line {name}=..."
        )
    if isinstance(error, ImportError):
        # Python says where a module really is.
        reason = reason.replace(f"from '{FRAMEWORK}", f"from '{shown_name(FRAMEWORK)}")
        return "; ".join([reason, *_suggest(error, folder)])
    return reason


def _asked_environ(error: KeyError) -> bool:
    """Return whether it was raised by ``os.environ["NAME"]``."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    return bool(frames) and frames[-1].f_code is type(os.environ).__getitem__.__code__


def _suggest(error: ImportError, folder: Path) -> Iterator[str]:
    root = (error.name or "").partition(".")[0]
    inner = ".".join((error.name or "").split(".")[1:2])
    unknown = _NOT_IMPORTED.search(str(error))
    if "attempted relative import" in str(error):
        yield (
            "an app file is not a package: write `import helper` instead of `from . import "
            "helper`, and `from helper import x` instead of `from .helper import x`."
        )
    elif root == "chainlit":
        yield "this framework is called chat_profiles: write `import chat_profiles as cl`."
    elif root == FRAMEWORK and unknown:
        yield str(missing_name(FRAMEWORK, unknown[1], sys.modules[FRAMEWORK].__all__, NOT_YET))
    elif root in (FRAMEWORK, "chat_profiles") and (instead := NO_SUBMODULES.get(inner)):
        yield f"in this version: {instead}; see docs/authoring.md"
    elif root in (FRAMEWORK, "chat_profiles") and isinstance(error, ModuleNotFoundError):
        yield f"{root} is this framework, so give your own folder or file another name."
    elif isinstance(error, ModuleNotFoundError) and error.name:
        yield from _suggest_module(error.name, folder)


def _suggest_module(missing: str, folder: Path) -> Iterator[str]:
    package, _, name = missing.rpartition(".")
    if package in sys.modules:
        paths = [str(path) for path in getattr(sys.modules[package], "__path__", ())]
        similar = get_close_matches(name, [m.name for m in iter_modules(paths)], 1)
        yield from (f"did you mean {package}.{each}?" for each in similar)
        return
    root = missing.partition(".")[0]
    own = [module.name for module in iter_modules([str(folder), *sys.path[:2]])]
    above = next(
        (
            each
            for each in folder.parents[:-1]
            if (each / root).is_dir() or (each / f"{root}.py").is_file()
        ),
        None,
    )
    if similar := get_close_matches(root, own, 1, 0.8):
        yield f"did you mean {similar[0]}?"
    elif root in WELL_KNOWN or root in INSTALLED_AS:
        package = INSTALLED_AS.get(root, root.replace("_", "-"))
        yield f"install it in this environment: python -m pip install {package}"
    elif above:
        yield f"{root} is in {above}, so start the command in that folder."
    elif similar := get_close_matches(root, WELL_KNOWN, 1, 0.8):
        yield f"did you mean {similar[0]}?"
    else:
        yield (
            f"if {root} is yours, put it beside the app file or into the folder in which you start "
            "the command. Otherwise install its package in this environment."
        )
