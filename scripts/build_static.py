"""Make the files that pages load, in webapp/static/, from the sources in static/.

The scripts of ``static/js/`` are joined behind htmx, the sheets of ``static/css/`` with each other.
Both are minified, and every text file gets a .br and a .gz file beside it. The same sources give
the same bytes: no time, no file name and no system stands in them.
"""

import gzip
import io
import os
import re
import sys
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path
from threading import get_ident

try:
    import brotli
    import rcssmin
    import rjsmin
except ImportError:  # An environment that runs a checkout need not be one that can build a wheel.
    COMPLETE = False
else:
    COMPLETE = True

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "static"
BUILT = ROOT / "webapp" / "static"
# In the order in which they must run.
VENDORED = ("htmx.min.js", "htmx-sse.min.js")
AS_THEY_ARE = ("favicon.svg", "vendor.json")
COMPRESSED = {".css", ".js", ".svg"}
# Folders of files that stay apart: of elements, and of the frames that draw some of them.
PARTS = ("elements", "frames")
# At its highest level, brotli takes five seconds for a library of 3.5 MB.
LARGE_BYTES = 1_000_000

IMPORT = re.compile(r'^import (?:\{[\w\s,]+\} from )?"\./(\w+)\.js";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=const |function |async function )", re.MULTILINE)
TOP_LEVEL_NAME = re.compile(r"^(?:const|let|(?:async )?function) (\w+)", re.MULTILINE)


def main() -> None:
    if not COMPLETE:
        sys.exit("The static files cannot be minified here. Run: make assets")
    build()


def build(target: Path = BUILT) -> None:
    """Write all files into ``target`` and remove what else is there.

    Without the minifiers, as in an environment that only runs a checkout, the sources are joined
    and nothing more.
    """
    files = built_files()
    target.mkdir(exist_ok=True)
    for name, content in files.items():
        write(target / name, content)
    for path in target.iterdir():
        if path.name not in files:
            path.unlink(missing_ok=True)  # Another process may build at the same time.


def built_files() -> dict[str, bytes]:
    """Return the content of every file by its name."""
    files = {name: (SOURCES / name).read_bytes() for name in AS_THEY_ARE}
    files["app.css"] = stylesheet().encode()
    files["htmx.bundle.js"] = script().encode()
    # What only pages with such an element load.
    for folder in PARTS:
        for path in sorted((SOURCES / folder).iterdir()):
            files[path.name] = minified(path).encode()
    if COMPLETE:
        for name in [name for name in files if Path(name).suffix in COMPRESSED]:
            files[f"{name}.br"] = with_brotli(files[name])
            files[f"{name}.gz"] = with_gzip(files[name])
    return files


def script() -> str:
    vendored = [(SOURCES / name).read_text() for name in VENDORED]
    own = joined_scripts({path.stem: path.read_text() for path in (SOURCES / "js").glob("*.js")})
    return "\n".join([*vendored, rjsmin.jsmin(own) if COMPLETE else own]) + "\n"


def joined_scripts(modules: dict[str, str]) -> str:
    """Return the modules as one script, each behind those that it imports.

    All of them share one block, so a name at the top level of one is taken for the others.
    """
    imports = {name: sorted(IMPORT.findall(modules[name])) for name in sorted(modules)}
    order = list(TopologicalSorter(imports).static_order())
    bodies = [EXPORT.sub("", IMPORT.sub("", modules[name])) for name in order]

    names = Counter(name for body in bodies for name in TOP_LEVEL_NAME.findall(body))
    twice = sorted(name for name, count in names.items() if count > 1)
    if twice:
        raise ValueError(f"two modules of static/js/ define {', '.join(twice)}")
    left = re.search(r"^(?:import|export)\b.*", "\n".join(bodies), re.MULTILINE)
    if left:
        raise ValueError(f"static/js/: write this as the other modules do: {left[0]}")

    return "\n".join(["(() => {", '"use strict";', *bodies, "})();\n"])


def stylesheet() -> str:
    # Later rules win over earlier ones, so the file names are numbered.
    sheets = sorted((SOURCES / "css").glob("*.css"))
    joined = "\n".join(sheet.read_text() for sheet in sheets)
    return str(rcssmin.cssmin(joined)) if COMPLETE else joined


def with_brotli(content: bytes) -> bytes:
    quality = 11 if len(content) < LARGE_BYTES else 9
    packed: bytes = brotli.compress(content, mode=brotli.MODE_TEXT, quality=quality)
    return packed


def with_gzip(content: bytes) -> bytes:
    # gzip.compress() writes a system-dependent byte into the header on some versions of Python.
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as file:
        file.write(content)
    return packed.getvalue()


def minified(path: Path) -> str:
    text = path.read_text()
    if not COMPLETE or ".min." in path.name:
        return text
    return str(rcssmin.cssmin(text) if path.suffix == ".css" else rjsmin.jsmin(text))


def write(path: Path, content: bytes) -> None:
    """Replace the file in one step: a server may be reading it, another may build it, too."""
    whole = path.parent.with_name(f".{path.name}.{os.getpid()}.{get_ident()}")
    whole.write_bytes(content)
    whole.replace(path)


if __name__ == "__main__":
    main()
