"""Write a .br and a .gz file beside every stylesheet, script and SVG in static/.

The same input gives the same bytes: no time, no file name, no system in the header.
"""

import gzip
import io
from pathlib import Path

import brotli

STATIC = Path(__file__).resolve().parent.parent / "static"
SUFFIXES = {".css", ".js", ".svg"}


def main() -> None:
    for source in sorted(STATIC.rglob("*")):
        if source.suffix in SUFFIXES:
            content = source.read_bytes()
            write_if_changed(source.with_name(source.name + ".br"), with_brotli(content))
            write_if_changed(source.with_name(source.name + ".gz"), with_gzip(content))


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
