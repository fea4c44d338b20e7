"""What a file is, by its content and its name; and the names that files keep."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from webapp.files.names import clean_file_name, content_disposition
from webapp.files.types import ACTIVE, HEAD_BYTES, find_mime, is_shown

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0) + bytes(50)
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000") + bytes(100)
GIF = b"GIF89a\x01\0\x01\0\0\0\0;"
WEBP = b"RIFF\x24\0\0\0WEBPVP8 " + bytes(40)
PDF = b"%PDF-1.4\n1 0 obj\n"
WAV = b"RIFF\x24\0\0\0WAVEfmt " + bytes(40)
MP3 = b"ID3\x03\0\0\0\0\0\x21" + bytes(60)
MP4 = b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41" + bytes(40)
M4A = b"\0\0\0\x20ftypM4A \0\0\x02\0isomiso2avc1mp41" + bytes(40)
OGG = b"OggS\0\x02" + bytes(20) + b"\x01\x1e\x01vorbis" + bytes(40)
EXE = b"MZ\x90\0" + bytes(100)
HTML = b"<!DOCTYPE html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


EBML = b"\x1aE\xdf\xa3\x9f\x42\x86\x81\x01"


def iso_file(brand: bytes, others: bytes = b"") -> bytes:
    """Return the beginning of a file of the family of MP4."""
    return struct.pack(">I", 16 + len(others)) + b"ftyp" + brand + bytes(4) + others + bytes(40)


def zipped(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "mime"),
    [
        (PNG, "a.png", "image/png"),
        (b"a report", "doc", "text/plain"),
        (b"a = 1", "py", "text/plain"),
        (JPEG, "a.jpg", "image/jpeg"),
        (GIF, "a.gif", "image/gif"),
        (WEBP, "a.webp", "image/webp"),
        (PDF, "a.pdf", "application/pdf"),
        (WAV, "a.wav", "audio/wav"),
        (MP3, "a.mp3", "audio/mpeg"),
        (MP4, "a.mp4", "video/mp4"),
        (M4A, "a.m4a", "audio/mp4"),
        (iso_file(b"iso5", b"iso6mp41"), "a.mp4", "video/mp4"),
        (iso_file(b"mp41"), "no ending", "video/mp4"),
        (iso_file(b"dash", b"iso6"), "a.mp4", "video/mp4"),
        (iso_file(b"M4V ", b"mp42"), "a.m4v", "video/mp4"),
        (iso_file(b"isom"), "a.m4a", "audio/mp4"),
        (iso_file(b"qt  ", b"qt  "), "a.mov", "video/quicktime"),
        (iso_file(b"3gp4", b"isom"), "a.3gp", "video/3gpp"),
        (iso_file(b"avif", b"avifmif1"), "a.avif", "image/avif"),
        (iso_file(b"mif1", b"mif1avif"), "a.avif", "image/avif"),
        (iso_file(b"mif1", b"mif1heic"), "a.heic", "image/heic"),
        (iso_file(b"what"), "a.mp4", "application/octet-stream"),
        # Spoken answers of models come so.
        (b"\xff\xf3\xe4\xc4" + bytes(100), "speech", "audio/mpeg"),
        (b"\xff\xfb\x90\x64" + bytes(100), "speech.mp3", "audio/mpeg"),
        (b"\xff\xf1\x50\x80" + bytes(100), "a.aac", "audio/aac"),
        (b"\xff\xfe" + "text".encode("utf-16-le"), "a.txt", "text/plain"),
        (b"RIFF\x24\0\0\0AVI LIST" + bytes(40), "a.avi", "video/x-msvideo"),
        (EBML + b"\x42\x82\x84webm" + bytes(40), "a.webm", "video/webm"),
        (EBML + b"\x42\x82\x84webm" + bytes(40), "a.weba", "audio/webm"),
        (EBML + b"\x42\x82\x88matroska" + bytes(40), "a.mkv", "video/x-matroska"),
        (OGG, "a.ogg", "audio/ogg"),
        (OGG, "a.ogv", "video/ogg"),
        (b"Hello\n", "a.txt", "text/plain"),
        (b"a,b\n1,2\n", "a.csv", "text/csv"),
        (b'{"a": 1}', "a.json", "application/json"),
        (b"# Title\n", "a.md", "text/markdown"),
        (b"Hello\n", "no ending", "text/plain"),
        (zipped(a="hi"), "a.zip", "application/zip"),
        (b"", "a.txt", "text/plain"),
        (b"", "a.png", "text/plain"),
        (bytes(range(256)), "a.bin", "application/octet-stream"),
        ("é".encode() * HEAD_BYTES, "a.txt", "text/plain"),
        # A type that lies: the content counts.
        (PNG, "a.txt", "image/png"),
        (PNG, "a.html", "image/png"),
        (EXE, "a.png", "application/vnd.microsoft.portable-executable"),
        (bytes(range(256)), "a.png", "application/octet-stream"),
        (b"Hello\n", "a.png", "text/plain"),
        (b"Hello\n", "a.pdf", "text/plain"),
        (HTML, "a.png", "text/html"),
        (HTML, "a.txt", "text/html"),
        (b"\xef\xbb\xbf\n <HTML>", "a.csv", "text/html"),
        (b"<!-- a --><p>", "a.txt", "text/html"),
        (SVG, "a.svg", "image/svg+xml"),
        (SVG, "a.png", "image/svg+xml"),
        (b'<?xml version="1.0"?>' + SVG, "a.svg", "image/svg+xml"),
        (b'<?xml version="1.0"?><a/>', "a.txt", "application/xml"),
        # What is two things at once is the one that its beginning says.
        (b"GIF89a=1;alert(1)//", "a.gif", "text/plain"),
        (GIF + HTML, "a.html", "image/gif"),
        (PDF + HTML, "a.html", "application/pdf"),
    ],
)
def test_the_content_says_what_a_file_is(content: bytes, name: str, mime: str) -> None:
    assert find_mime(content[:HEAD_BYTES], name) == mime


def test_what_is_said_counts_only_if_nothing_else_tells() -> None:
    noise = bytes(range(256))
    assert find_mime(noise, "data", "application/x-model; v=1") == "application/x-model"
    for said in ("text/html", "image/svg+xml", "image/png", "application/pdf", "a\r\nb/c", "x"):
        assert find_mime(noise, "data", said) == "application/octet-stream"
    assert find_mime(PNG, "data", "text/html") == "image/png"


@pytest.mark.parametrize(
    "mime",
    ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "application/javascript"],
)
def test_nothing_that_can_run_is_shown(mime: str) -> None:
    assert ACTIVE.fullmatch(mime)
    assert not is_shown(mime)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\me.png", "me.png"),
        ("a\0b\r\nc.txt", "abc.txt"),
        ("invoice\u202egnp.exe", "invoicegnp.exe"),
        ('say "hi"?.txt', "say hi .txt"),
        ("  .hidden. ", "hidden"),
        ("..", "file"),
        ("\u200b", "file"),
        ("", "file"),
        ("família 👩\u200d👧.png", "família 👩\u200d👧.png"),
        ("x" * 300 + ".csv", "x" * 251 + ".csv"),
        ("\ud800.txt", "txt"),
    ],
)
def test_a_name_is_cleaned(given: str, kept: str) -> None:
    assert clean_file_name(given) == kept
    assert clean_file_name(kept) == kept


def test_an_answer_says_the_name_in_two_ways() -> None:
    assert content_disposition("Grüße; 1.pdf", shown=True) == (
        "inline; filename=\"Grue_ 1.pdf\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%3B%201.pdf"
    )
    assert content_disposition("日本", shown=False) == (
        "attachment; filename=\"file\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC"
    )
