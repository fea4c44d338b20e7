"""Join the scripts of static/ into one, and write a .br and a .gz file beside every text file.

The same input gives the same bytes: no time, no file name, no system in the header.
"""

import gzip
import io
from pathlib import Path

import brotli

STATIC = Path(__file__).resolve().parent.parent / "static"
SUFFIXES = {".css", ".js", ".svg"}
# One request instead of three, in the order in which they must run.
BUNDLE = "htmx.bundle.js"
VENDORED = ("htmx.min.js", "htmx-sse.min.js")
OWN = "app.js"


def main() -> None:
    write_if_changed(STATIC / BUNDLE, bundled())
    for source in sorted(STATIC.rglob("*")):
        if source.suffix in SUFFIXES:
            content = source.read_bytes()
            write_if_changed(source.with_name(source.name + ".br"), with_brotli(content))
            write_if_changed(source.with_name(source.name + ".gz"), with_gzip(content))


def bundled() -> bytes:
    vendored = [(STATIC / part).read_bytes() for part in VENDORED]
    return b"\n".join([*vendored, slim((STATIC / OWN).read_bytes())])


def slim(script: bytes) -> bytes:
    """Return our script without what only its readers need: indentation and lines of comment."""
    lines = (line.strip() for line in script.splitlines())
    return b"\n".join(line for line in lines if line and not line.startswith(b"//")) + b"\n"


def with_brotli(content: bytes) -> bytes:
    packed: bytes = brotli.compress(content, mode=brotli.MODE_TEXT, quality=11)
    return packed


def with_gzip(content: bytes) -> bytes:
    # gzip.compress() writes a system-dependent byte into the header on some versions of Python.
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as file:
        file.write(content)
    return packed.getvalue()


def write_if_changed(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        path.write_bytes(content)
        print(f"{path.name}: {len(content)} bytes")


if __name__ == "__main__":
    main()
