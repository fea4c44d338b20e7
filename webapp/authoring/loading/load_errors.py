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
# Well-known packages whose name on the package index is not the name that is imported.
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
        if isinstance(getattr(error, "line", None), str):  # a StartupError, raised by create_app()
            return (
                "calls create_app(), which belongs in a separate WSGI file; remove it from the "
                "app file."
            )
        return "calls sys.exit() while it is loaded; put that under `if __name__ == '__main__':`."
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    text = " ".join(str(error).split())
    reason = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, ImportError):
        return "; ".join([reason, *_suggest(error, folder)])
    return reason


def _suggest(error: ImportError, folder: Path) -> Iterator[str]:
    root = (error.name or "").partition(".")[0]
    unknown = _NOT_IMPORTED.search(str(error))
    if "attempted relative import" in str(error):
        yield (
            "an app file is not a package: write `import helper` instead of `from . import "
            "helper`, and `from helper import x` instead of `from .helper import x`."
        )
    elif root == "chainlit":
        yield "this framework is called webapp: write `import webapp as cl`."
    elif root == FRAMEWORK and unknown:
        yield str(missing_name(FRAMEWORK, unknown[1], sys.modules[FRAMEWORK].__all__, NOT_YET))
    elif isinstance(error, ModuleNotFoundError) and root and root not in sys.modules:
        similar = get_close_matches(root, [path.stem for path in folder.glob("*.py")], 1, 0.8)
        package = INSTALLED_AS.get(root, root)
        install = f"install it in this environment: python -m pip install {package}"
        yield f"did you mean {similar[0]}?" if similar else install
