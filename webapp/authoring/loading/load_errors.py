"""Why an app file could not be loaded: one line with the place in the author's files."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path

from webapp.authoring.errors import AppFileError
from webapp.authoring.loading.missing_names import NOT_YET, missing_name
from webapp.authoring.loading.source_lines import SourceLine, find_lines

FRAMEWORK = "webapp"
# Packages that are installed under another name than they are imported by, of the well-known ones.
INSTALLED_AS = {
    "PIL": "Pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}
_NOT_IMPORTED = re.compile(r"cannot import name '(\w+)' from")


def load_error(error: BaseException, path: Path) -> AppFileError:
    """Return what to tell the author of ``path`` about what was raised while it was loaded."""
    places = find_lines(path.parent, error)
    broken = _broken_file(error)
    if broken:
        places.append(broken)
    place = f"{places[-1].file}:{places[-1].line}" if places else str(path)
    return AppFileError(place, f"{_reason(error, path.parent)}{_way_to(places, path.parent)}")


def _broken_file(error: BaseException) -> SourceLine | None:
    # The code of a file that cannot be compiled has no frame. Other text, as given to
    # `ast.literal_eval`, has no file: there the line that gave it is what helps.
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_file():
        return SourceLine(Path(error.filename), error.lineno or 1, "<module>")
    return None


def _way_to(places: list[SourceLine], folder: Path) -> str:
    steps = [(a, b) for a, b in pairwise(places) if a.file != b.file]
    if not steps:
        return ""
    outer, inner = steps[-1]
    verb = "imported" if inner.function == "<module>" else "called"
    return f" ({verb} from {outer.describe(folder)})"


def _reason(error: BaseException, folder: Path) -> str:
    if isinstance(error, SystemExit):
        return _exit_reason(error)
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    text = " ".join(str(error).split())
    reason = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, ImportError):
        return "; ".join([reason, *_advice(error, folder)])
    return reason


def _exit_reason(error: SystemExit) -> str:
    if isinstance(getattr(error, "line", None), str):  # what refuses to start says why there
        return (
            "calls create_app(), which belongs into a separate WSGI file; remove it from the app "
            "file."
        )
    return "calls sys.exit() while it is loaded; put that under `if __name__ == '__main__':`."


def _advice(error: ImportError, folder: Path) -> Iterator[str]:
    root = (error.name or "").partition(".")[0]
    unknown = _NOT_IMPORTED.search(str(error))
    if "attempted relative import" in str(error):
        yield (
            "an app file is no package: write `import helper` instead of `from . import helper`, "
            "and `from helper import x` instead of `from .helper import x`."
        )
    elif root == "chainlit":
        yield "this framework is called webapp: write `import webapp as cl`."
    elif root == FRAMEWORK and unknown:
        yield str(missing_name(FRAMEWORK, unknown[1], sys.modules[FRAMEWORK].__all__, NOT_YET))
    elif isinstance(error, ModuleNotFoundError) and root and root not in sys.modules:
        yield _where_from(root, folder)


def _where_from(root: str, folder: Path) -> str:
    neighbours = [path.stem for path in folder.glob("*.py")]
    similar = get_close_matches(root, neighbours, 1, 0.8)
    if similar:
        return f"did you mean {similar[0]}?"
    package = INSTALLED_AS.get(root, root)
    return f"install it in this environment: python -m pip install {package}"
