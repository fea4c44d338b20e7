"""Files and elements in exports and imports: they come back as they went, and from nowhere else."""

from __future__ import annotations

import copy
import hashlib
import json
import re
import struct
import uuid
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from sqlalchemy import delete, update

from tests.support.apps import AppMaker
from tests.support.exports import (
    bring_in,
    bring_in_file,
    export_of,
    exported,
    exported_zip,
    said,
    store_chat,
    unzipped,
    zip_of,
)
from tests.support.files import contents, new_file, show
from tests.support.history import History
from tests.support.html import parse
from tests.support.people import Visitor
from tests.support.rows import column, count, every_row
from tests.test_file_types import PNG, SVG
from webapp.authoring.chat_message import ASSISTANT, COMPLETE, ChatMessage, ElementData, NewFile
from webapp.authoring.elements.dataframe import Dataframe
from webapp.authoring.elements.texts import Text
from webapp.chats.message_rows import insert_messages
from webapp.chats.models import Message
from webapp.database.engines import utc_now, write_transaction
from webapp.files.contents import FilesUnavailableError
from webapp.files.folder_store import FolderStore
from webapp.files.saving import save_files
from webapp.files.store import file_store
from webapp.transfer import zip_reading
from webapp.transfer.import_elements import read_elements
from webapp.transfer.strict_json import NotAsExpectedError, Value

ALICE = "user:alice"
HELLO = b"Hello, file"
TABLE = [{"city": "Bern", "people": 134}, {"city": "=1+1", "people": 173}]


def element_of(
    kind: Any, name: str, content: bytes | None, *, dark: bytes | None = None, **more: Any
) -> tuple[ElementData, list[NewFile]]:
    """Return an element as the app would show it, and its files."""
    details = dict(more.pop("details", {}))
    data = ElementData(id=uuid.uuid4(), kind=kind, name=name, details=details, **more)
    files = []
    if content is not None:
        files.append(NewFile(id=data.id, name=name, mime=None, source=content))
    if dark is not None:
        files.append(NewFile(id=uuid.uuid4(), name=name, mime=None, source=dark))
        data = replace(data, details={**details, "dark": str(files[1].id)})
    return data, files


def table_of(rows: list[dict[str, Any]], name: str = "Cities") -> tuple[ElementData, list[NewFile]]:
    frame = Dataframe(data=rows, name=name)
    files = frame.new_files()
    details = frame.details([])
    return ElementData(id=files[0].id, kind="dataframe", name=name, details=details), files


def text_of(text: str) -> tuple[ElementData, list[NewFile]]:
    element = Text(name="Query", content=text, language="sql", display="side")
    files = element.new_files()
    return (
        ElementData(
            id=files[0].id,
            kind="text",
            name="Query",
            display="side",
            details={"language": "sql", "text": text},
        ),
        files,
    )


def every_kind() -> list[tuple[ElementData, list[NewFile]]]:
    size = {"size": "small", "width": 3, "height": 4}
    return [
        element_of("image", "cat.png", PNG, details=size),
        element_of("file", "répört.txt", HELLO),
        element_of("pdf", "paper.pdf", b"%PDF-1.7 paper", details={"page": 2}, display="side"),
        element_of("audio", "a.wav", b"RIFF\x24\0\0\0WAVEfmt ", details={"auto_play": True}),
        element_of(
            "video", "v.webm", b"\x1aE\xdf\xa3webm", details={"player_config": {"loop": True}}
        ),
        text_of("SELECT 1"),
        table_of(TABLE),
        element_of("plotly", "chart", b'{"data": []}', details={"height": 300, "page_rows": 50}),
        element_of(
            "pyplot", "figure.svg", SVG, dark=SVG + b"<!-- -->", details={**size, "alt": "F"}
        ),
        element_of("custom", "Ticket", None, details={"props": {"id": 7, "tags": ["a", None]}}),
        element_of("image", "elsewhere", None, url="https://example.org/a.png"),
    ]


def store_message(
    app: Flask,
    shown: list[tuple[ElementData, list[NewFile]]],
    owner: str = ALICE,
    text: str = "See",
) -> str:
    """Store a chat whose one answer shows these elements, and return its address."""
    chat_id, message_id = History(app).write("Shown", owner=owner), uuid.uuid4()
    elements = []
    for data, files in shown:
        stored = save_files(app, chat_id, message_id, files)
        elements.append(replace(data, file=stored[0] if stored else None))
    message = ChatMessage(
        id=message_id,
        kind=ASSISTANT,
        content=text,
        status=COMPLETE,
        created_at=utc_now(),
        sequence=1,
        elements=tuple(elements),
    )
    with app.app_context(), write_transaction() as connection:
        insert_messages(connection, chat_id, [message])
    return f"/chats/{chat_id}"


def import_zip(visitor: Visitor, content: bytes) -> str:
    answer = bring_in_file(visitor, content)
    assert answer.status_code == 303, answer.text
    return str(answer.location).partition("?")[0]


_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def shown_page(visitor: Visitor, path: str) -> list[str]:
    """Return the elements of a page, with the ids counted instead of named."""
    log = parse(visitor.get(path).text).one(data_testid="messages")
    ids: dict[str, str] = {}
    return [
        _ID.sub(lambda found: ids.setdefault(found[0], f"id{len(ids)}"), repr(element.attributes))
        + element.text
        for element in log.all(data_testid="element") + log.all(data_testid="element-link")
    ]


@pytest.fixture
def person(make_app: AppMaker, either_url: str) -> Visitor:
    make_app.database_url = either_url
    return Visitor(make_app("roles.py", sharing="yes")).logged_in("alice")


def test_a_chat_with_every_kind_comes_back_as_it_was(person: Visitor) -> None:
    # An imported address is never loaded by a page, so what has one looks otherwise.
    *in_files, elsewhere = every_kind()
    path = store_message(person.app, in_files)
    assert shown_page(person, import_zip(person, exported_zip(person, path))) == shown_page(
        person, path
    )
    path = store_message(person.app, [*in_files, elsewhere])
    entries = unzipped(exported_zip(person, path))
    copied = import_zip(person, exported_zip(person, path))
    again = unzipped(exported_zip(person, copied))
    assert {k for k in entries if k.startswith("files/")} == {
        k for k in again if k.startswith("files/")
    }
    first, second = (
        json.loads(it["chats.json"])["chats"][0]["messages"][0]["elements"]
        for it in (entries, again)
    )
    assert len(first) == len(every_kind())
    for before, after in zip(first, second, strict=True):
        assert before.pop("id") != after.pop("id")
        assert before == after


def test_each_file_is_in_the_zip_once_and_is_what_it_was(alice: Visitor) -> None:
    files = [element_of("file", "a.txt", HELLO), element_of("file", "a.txt", HELLO)]
    path = store_message(alice.app, [*files, element_of("file", "b.txt", b"")])
    entries = unzipped(exported_zip(alice, path))
    named = {name: entries[name] for name in entries if name.startswith("files/")}
    assert sorted(named.values()) == [b"", HELLO]
    [message] = json.loads(entries["chats.json"])["chats"][0]["messages"]
    assert [it["file"]["path"] in named for it in message["elements"]] == [True] * 3
    assert message["elements"][0]["file"]["sha256"] == hashlib.sha256(HELLO).hexdigest()


def test_every_format_of_a_chat_with_files_is_the_same_zip(alice: Visitor) -> None:
    path = store_message(alice.app, [element_of("file", "a.txt", HELLO)])
    answer = alice.get(f"{path}/export?format=markdown")
    assert answer.mimetype == "application/zip"
    assert ".zip" in answer.headers["Content-Disposition"]
    assert set(unzipped(answer.data)) >= {"chats.json", "chats.md"}
    assert set(unzipped(exported_zip(alice))) == set(unzipped(answer.data))


def test_without_files_an_export_is_no_zip(alice: Visitor) -> None:
    shown = [element_of("image", "x", None, url="https://example.org/a.png")]
    path = store_message(alice.app, shown)
    store_message(alice.app, [element_of("file", "a.txt", HELLO)], owner="user:bob")
    [message] = exported(alice, path)["chats"][0]["messages"]
    assert message["elements"][0]["url"] == "https://example.org/a.png"
    assert alice.get("/chats/export").mimetype == "text/markdown"
    assert bring_in(alice, exported(alice, path)).status_code == 303


def test_markdown_shows_what_messages_show(alice: Visitor) -> None:
    path = store_message(alice.app, every_kind())
    text = unzipped(exported_zip(alice, path))["chats.md"].decode()
    assert "![cat\\.png](files/" in text
    assert "[répört\\.txt](files/" in text
    assert "| city | people |\n| --- | --- |\n| Bern | 134 |" in text
    assert "[elsewhere](<https://example.org/a.png>)" in text
    html = MarkdownIt().enable("table").render(text)
    assert html.count("<img") == 2
    assert html.count("<h") == 2
    for link in re.findall(r'(?:src|href)="(files/[^"]+)"', html):
        assert link


def test_a_table_is_in_the_zip_as_csv_without_formulas(alice: Visitor) -> None:
    entries = unzipped(exported_zip(alice, store_message(alice.app, [table_of(TABLE)])))
    [csv] = [entries[name] for name in entries if name.endswith("Cities.csv")]
    assert csv.decode().splitlines()[:2] == ['"city","people"', '"Bern",134']
    assert b"'=1+1" in csv


def test_a_name_cannot_forge_what_markdown_shows(alice: Visitor) -> None:
    hostile = [
        "x](javascript:alert(1)) [y",
        "<script>alert(1)</script>",
        "\n\n# Forged\n\n    I never said this.",
        "| a | b |\n|---|---|",
    ]
    shown = [element_of("file", name, HELLO) for name in hostile]
    shown += [element_of("file", "u", None, url=f"javascript:{it}") for it in hostile]
    shown += [table_of([{name: name for name in hostile}], hostile[0])]
    text = unzipped(exported_zip(alice, store_message(alice.app, shown)))["chats.md"].decode()
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert "<script" not in html
    assert 'href="javascript' not in html
    assert html.count("<h1>") == html.count("<h2>") == 1


def test_a_file_that_was_lost_leaves_the_rest(alice: Visitor) -> None:
    path = store_message(
        alice.app, [element_of("file", "a.txt", HELLO), element_of("file", "b.txt", b"b")]
    )
    with alice.app.app_context():
        file_store().delete(hashlib.sha256(HELLO).hexdigest())
    content = exported_zip(alice, path)
    [message] = json.loads(unzipped(content)["chats.json"])["chats"][0]["messages"]
    assert [bool(it["file"]["path"]) for it in message["elements"]] == [False, True]
    page = parse(alice.get(import_zip(alice, content)).text)
    assert [it["data-name"] for it in page.all(data_testid="element")] == ["b.txt"]


def test_a_store_that_goes_away_breaks_the_download(
    alice: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: FolderStore, *_: object) -> Iterator[bytes]:
        yield b"Hello"
        raise FilesUnavailableError("the store is away")

    path = store_message(alice.app, [element_of("file", "a.txt", HELLO)])
    monkeypatch.setattr(FolderStore, "read", fail)
    with pytest.raises(FilesUnavailableError):
        alice.get(f"{path}/export")
    monkeypatch.undo()
    assert alice.get(f"{path}/export").status_code == 200


def shared_token(visitor: Visitor, path: str) -> str:
    assert visitor.post(f"{path}/share").status_code == 303
    found = re.search(r"/shared/([\w-]{43})", visitor.get(f"{path}/share").text)
    assert found is not None
    return found[1]


def test_a_share_shows_every_kind_to_its_readers_alone(person: Visitor) -> None:
    path = store_message(person.app, every_kind())
    later = store_message(person.app, [element_of("file", "later.txt", b"Later")])
    token = shared_token(person, path)
    bob = Visitor(person.app).logged_in("bob")
    page = parse(bob.get(f"/shared/{token}").text)
    own = parse(person.get(path).text)
    for hook in ("element", "element-link"):
        names = [it["data-name"] for it in own.all(data_testid=hook)]
        assert [it["data-name"] for it in page.all(data_testid=hook)] == names
    linked = (it.get("href") or it.get("src") or "" for it in page.walk())
    addresses = {address for address in linked if re.match(r"/(files|elements)/", address)}
    assert len(addresses) > 8
    for address in addresses:
        assert f"share={token}" in address
        assert bob.get(address).status_code == 200, address
        assert bob.get(address.replace(token, "x" * 43)).status_code == 404
    assert "later.txt" not in bob.get(f"/shared/{token}").text
    # What is removed from the chat stays in the share until it goes.
    with person.app.app_context(), write_transaction() as connection:
        connection.execute(delete(Message))
    assert {bob.get(address).status_code for address in addresses} == {200}
    person.post(f"{path}/unshare")
    assert {bob.get(address).status_code for address in addresses} == {404}
    assert contents(person.app) == [b"Later"]
    assert person.get(later).status_code == 200


def test_a_share_has_the_steps_that_were_shown(alice: Visitor) -> None:
    details = {"name": "Search", "type": "tool", "input": "Rome"}
    step = {"kind": "step", "content": "Found", "details": details}
    path = store_chat(alice.app, {"content": "Where?"}, step)
    token = shared_token(alice, path)
    store_chat(alice.app, {"content": "x", "kind": "step", "details": {"name": "Other"}})
    page = parse(alice.get(f"/shared/{token}").text)
    assert [it["data-name"] for it in page.all(data_testid="step")] == ["Search"]


def test_a_replaced_message_is_exported_with_its_files(alice: Visitor) -> None:
    shown = show(alice.app, ALICE, new_file(b"Before", "a.txt"))
    with alice.app.app_context(), write_transaction() as connection:
        connection.execute(update(Message).values(replaced_by=uuid.uuid4()))
    entries = unzipped(exported_zip(alice, shown.chat))
    assert b"Before" in entries.values()
    [message] = json.loads(entries["chats.json"])["chats"][0]["messages"]
    assert message["replaced"]
    assert message["elements"][0]["file"]["path"] in entries


def good_zip(**changes: Any) -> dict[str, bytes | str]:
    """Return the entries of a zip with one file; ``changes`` are to what is said of the file."""
    sha256 = hashlib.sha256(HELLO).hexdigest()
    file = {"path": "files/a.txt", "name": "a.txt", "sha256": sha256, "size": 11, **changes}
    element = {"id": "1", "kind": "file", "name": "a.txt", "file": file}
    chat = {"title": "Rome", "messages": [said("See", "assistant", elements=[element])]}
    return {"files/a.txt": HELLO, "chats.json": json.dumps(export_of(chat))}


def problem_of(visitor: Visitor, content: bytes, **fields: Any) -> str:
    """Check that a file is refused and nothing is stored, and return what the page says."""
    before, stored = every_row(visitor.app), contents(visitor.app)
    answer = bring_in_file(visitor, content, **fields)
    assert answer.status_code == 422, answer.text[:2_000]
    assert (every_row(visitor.app), contents(visitor.app)) == (before, stored)
    text: str = parse(answer.text).one(data_testid="import-problem").text.strip()
    assert text.startswith("Nothing was imported. "), text
    return text


def test_a_zip_that_was_made_by_hand_is_taken(person: Visitor) -> None:
    path = import_zip(person, zip_of(good_zip()))
    [element] = parse(person.get(path).text).all(data_testid="element")
    link = element.one("a")["href"]
    assert person.get(link).data == HELLO
    assert column(person.app, "files.uploaded_by") == [ALICE]
    assert contents(person.app) == [HELLO]


def test_a_json_file_is_taken_as_well(alice: Visitor) -> None:
    export = json.dumps(export_of({"messages": [said("Größe")]}))
    answer = bring_in_file(alice, export.encode(), "chats.json")
    assert answer.status_code == 303, answer.text


def test_files_of_others_cannot_be_named(alice: Visitor, bob: Visitor) -> None:
    secret = show(alice.app, ALICE, new_file(b"secret", "a.txt"))
    stored = secret.elements[0].file
    assert stored is not None
    element = secret.elements[0].to_json()
    for file in (
        {"path": "files/a.txt", "sha256": stored.sha256},
        {"path": f"files/{stored.sha256[:16]}-a.txt", "sha256": stored.sha256},
    ):
        chat = {"messages": [said("", "assistant", elements=[{**element, "file": file}])]}
        text = json.dumps(export_of(chat))
        assert "is not in the zip" in problem_of(bob, zip_of({"chats.json": text}))
        answer = bring_in(bob, text)
        assert (answer.status_code, "a text has no files" in answer.text) == (422, True)
    # What is in the zip is what comes in, whatever it is called.
    lie = {**element, "file": {"path": "files/a.txt", "sha256": stored.sha256}}
    text = json.dumps(export_of({"messages": [said("", "assistant", elements=[lie])]}))
    assert "another hash" in problem_of(bob, zip_of({"chats.json": text, "files/a.txt": b"mine"}))
    assert bob.get(secret.address).status_code == 404


def test_an_imported_element_has_a_new_id(alice: Visitor, bob: Visitor) -> None:
    shown = show(alice.app, ALICE, new_file(HELLO, "a.txt"))
    import_zip(bob, exported_zip(alice, shown.chat))
    assert len(set(column(alice.app, "files.id"))) == 2
    assert count(alice.app, "stored_files") == 1
    assert bob.get(shown.address).status_code == 404


def damaged(change: Callable[[bytearray], None], **entries: bytes | str) -> bytes:
    content = bytearray(zip_of({**good_zip(), **entries}))
    change(content)
    return bytes(content)


def set_in_list(content: bytearray, place: int, form: str, value: int, number: int = 0) -> None:
    """Change a number of an entry in the list at the end of a zip."""
    at = -1
    for _ in range(number + 1):
        at = content.index(b"PK\x01\x02", at + 1)
    struct.pack_into(form, content, at + place, value)


def with_info(name: str, **values: Any) -> bytes:
    """Return a zip with one more entry, of which some things are said."""
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for known, text in good_zip().items():
            archive.writestr(known, text)
        info = zipfile.ZipInfo(name)
        for key, value in values.items():
            setattr(info, key, value)
        archive.writestr(info, b"../../etc/passwd")
    return made.getvalue()


def twice() -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in good_zip().items():
            archive.writestr(name, text)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("files/a.txt", b"Another")
    return made.getvalue()


def bomb() -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in {**good_zip(), "files/a.txt": bytes(20_000_000)}.items():
            archive.writestr(name, text)
    return made.getvalue()


def many() -> bytes:
    names = {f"files/{number}": b"" for number in range(zip_reading.MOST_ENTRIES + 1)}
    return zip_of({**good_zip(), **names})


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "no zip": (lambda: b"PK but no zip", "damaged"),
    "empty": (lambda: zip_of({}), "has no chats.json"),
    "no chats": (lambda: zip_of({"files/a": b""}), "has no chats.json"),
    "chats that are a zip": (lambda: zip_of({"chats.json": zip_of(good_zip())}), "not"),
    "chats in a folder": (lambda: zip_of({"x/chats.json": b"{}"}), "no part of an export"),
    "a path upwards": (lambda: with_info("../a"), "no part of an export"),
    "a path upwards in the folder": (lambda: with_info("files/../../a"), "no part of an export"),
    "a path from the root": (lambda: with_info("/etc/passwd"), "no part of an export"),
    "a path of Windows": (lambda: with_info("files/..\\a"), "no part of an export"),
    "a drive of Windows": (lambda: with_info("C:/a"), "no part of an export"),
    "a deep path": (lambda: with_info("files/a/b"), "no part of an export"),
    "a zip beside it": (lambda: zip_of({**good_zip(), "more.zip": b"PK"}), "no part of an export"),
    "a NUL in a name": (
        lambda: with_info("files/ab").replace(b"files/ab", b"files/a\0"),
        "that is none",
    ),
    "a link": (lambda: with_info("files/l", external_attr=0o120777 << 16), "is a link"),
    "a device": (lambda: with_info("files/l", external_attr=0o020777 << 16), "is a link"),
    "a name twice": (twice, "twice"),
    "a password": (lambda: damaged(lambda it: set_in_list(it, 8, "<H", 1)), "password"),
    "another packing": (lambda: damaged(lambda it: set_in_list(it, 10, "<H", 12)), "not taken"),
    "a size that is too small": (
        lambda: damaged(lambda it: set_in_list(it, 24, "<L", 5)),
        "damaged",
    ),
    "a size that is too large": (
        lambda: damaged(lambda it: set_in_list(it, 24, "<L", 1_000)),
        "damaged",
    ),
    "a packed size that is too large": (
        lambda: damaged(lambda it: set_in_list(it, 20, "<L", 2**31)),
        "damaged",
    ),
    "entries in one place": (
        lambda: damaged(lambda it: set_in_list(it, 42, "<L", 0, number=1)),
        "damaged",
    ),
    "a changed byte": (
        lambda: zip_of(good_zip()).replace(HELLO, b"Hallo, file"),
        "damaged",
    ),
    "a bomb": (bomb, "less than a hundredth"),
    "many entries": (many, "entries and may have 5,000"),
    "a lie about how many": (
        lambda: damaged(lambda it: struct.pack_into("<2H", it, len(it) - 14, 1, 1)),
        "damaged",
    ),
    "cut off": (lambda: zip_of(good_zip())[:-30], "damaged"),
    "something before it": (lambda: b"PK" + b"x" * 99 + zip_of(good_zip()), "damaged"),
    "something after it": (lambda: zip_of(good_zip()) + b"x" * 99, "damaged"),
    "another hash": (lambda: zip_of(good_zip(sha256="0" * 64)), "has another hash"),
    "no hash": (lambda: zip_of(good_zip(sha256="x")), "64 hexadecimal digits"),
    "a file that is not there": (lambda: zip_of(good_zip(path="files/b")), "is not in the zip"),
    "a file outside": (lambda: zip_of(good_zip(path="chats.json")), "is not in the zip"),
    "neither zip nor text": (lambda: b"\xff\xfe\x00", "neither a zip nor text"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_zip_is_refused_in_words(alice: Visitor, kind: str) -> None:
    make, told = HOSTILE[kind]
    assert told in problem_of(alice, make())


def test_a_zip_may_hold_zips_as_files_and_they_stay_packed(alice: Visitor) -> None:
    inner = zip_of({"x": b"y" * 1_000})
    entries = good_zip(sha256=hashlib.sha256(inner).hexdigest())
    import_zip(alice, zip_of({**entries, "files/a.txt": inner}))
    assert contents(alice.app) == [inner]


def test_a_huge_list_is_not_read(alice: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object, **__: object) -> None:
        raise AssertionError("the list was read")

    monkeypatch.setattr("webapp.transfer.zip_reading.zipfile.ZipFile", read)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 100_000_000, 0, 0)
    assert "entries" in problem_of(alice, b"PK" + end)
    large = b"PK\x06\x07" + bytes(16) + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 46, 0, 0)
    assert "4 GB" in problem_of(alice, b"PK" + large)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"file_bytes": 1024}, 'The file "a.txt" has 0 MB and may have 0.'),
        ({"file_bytes_per_user": 1024}, "you may store 0 MB more"),
    ],
)
def test_limits_count_for_imports(make_app: AppMaker, setting: dict[str, int], told: str) -> None:
    alice = Visitor(make_app("roles.py", **setting)).logged_in("alice")
    large = bytes(range(256)) * 5
    entries = good_zip(sha256=hashlib.sha256(large).hexdigest())
    assert told in problem_of(alice, zip_of({**entries, "files/a.txt": large}))


def test_imports_count_as_what_the_user_stores(make_app: AppMaker) -> None:
    alice = Visitor(make_app("roles.py", file_bytes_per_user=1024)).logged_in("alice")
    content = bytes(range(256)) * 3
    entries = good_zip(sha256=hashlib.sha256(content).hexdigest())
    made = zip_of({**entries, "files/a.txt": content})
    import_zip(alice, made)
    assert "you may store 0" in problem_of(alice, made)


def test_a_body_that_is_too_long_is_not_read(make_app: AppMaker) -> None:
    class Untouched(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            assert self.tell() < 200_000, "the file was read"
            return super().read(size)

    alice = Visitor(make_app("roles.py", file_bytes_per_user=1024)).logged_in("alice")
    head = (
        f'--x\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{alice.token}\r\n'
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n'
    )
    answer = alice.client.post(
        "/chats/import",
        input_stream=Untouched(head.encode() + bytes(1_000_000)),
        content_type="multipart/form-data; boundary=x",
        environ_overrides={"CONTENT_LENGTH": str(10**9)},
    )
    assert answer.status_code == 422, answer.text
    assert "The file is too large" in answer.text


def test_a_stranger_sends_no_file(make_app: AppMaker) -> None:
    for app_file in ("roles.py", "simple.py"):
        app = make_app(app_file)
        answer = app.test_client().post(
            "/chats/import",
            input_stream=BytesIO(b"--x"),
            content_type="multipart/form-data; boundary=x",
            environ_overrides={"CONTENT_LENGTH": str(10**9)},
        )
        assert answer.status_code in (303, 400)
        assert count(app, "chats") == 0


@pytest.mark.parametrize(
    ("fields", "told"),
    [({"data": "{}"}, "a file and a text"), ({}, "")],
)
def test_a_file_and_a_text_at_once_are_refused(
    alice: Visitor, fields: dict[str, str], told: str
) -> None:
    if fields:
        assert told in problem_of(alice, zip_of(good_zip()), **fields)
    else:
        assert "There is nothing to import yet" in problem_of(alice, b"", **fields)


def test_what_failed_leaves_no_content(alice: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise FilesUnavailableError("the store is away")

    with monkeypatch.context() as broken:
        broken.setattr(FolderStore, "exists", fail)
        answer = bring_in_file(alice, zip_of(good_zip()))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "Files cannot be stored at the moment" in answer.text
    assert count(alice.app, "chats") == count(alice.app, "files") == 0
    assert contents(alice.app) == []
    import_zip(alice, zip_of(good_zip()))


def test_a_refused_import_leaves_no_temporary_file(alice: Visitor) -> None:
    problem_of(alice, zip_of(good_zip(sha256="0" * 64)))
    import_zip(alice, zip_of(good_zip()))
    assert contents(alice.app) == [HELLO]


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd", "a\0b", "{{ 7 * 7 }}", "x" * 255])
def test_an_imported_element_names_no_template_elsewhere(alice: Visitor, name: str) -> None:
    element = {"kind": "custom", "name": name, "details": {"props": {"a": 1}}}
    sent = bring_in(alice, export_of({"messages": [said("", "assistant", elements=[element])]}))
    assert sent.status_code == 303, sent.text
    page = alice.get(str(sent.location))
    assert (page.status_code, "49" in parse(page.text).one(id="chat").text) == (200, False)


def test_a_panel_beside_the_chat_comes_back(alice: Visitor) -> None:
    details = {"sidebar": {"title": "Notes", "closed": True}, "metadata": {"secret": 1}}
    elements = [element_of("file", "a", None, url="https://example.org/a")[0].to_json()]
    panel = {"kind": "assistant", "content": "", "details": details, "elements": elements}
    [message] = exported(alice, store_chat(alice.app, panel))["chats"][0]["messages"]
    assert message["details"] == {"sidebar": details["sidebar"]}
    export = export_of({"messages": [message]})
    assert bring_in(alice, export).status_code == 303
    [again] = exported(alice)["chats"][0]["messages"]
    assert again["details"] == message["details"]


ELEMENT = {"kind": "image", "url": "https://example.org/a"}
MISTAKES: list[tuple[object, str]] = [
    ({}, "must be a list"),
    ([1], "must be an object"),
    ([{}], '"kind" of the 1st element must be'),
    ([{"kind": "image"}], 'has neither "file" nor "url"'),
    ([{"kind": "script", "url": "https://example.org"}], '"kind" of the 1st element must be'),
    ([{**ELEMENT, "display": "top"}], '"display" of the 1st element must be "inline"'),
    ([{**ELEMENT, "url": "javascript:alert(1)"}], "must begin with https://"),
    ([{**ELEMENT, "url": "data:text/html,x"}], "must begin with https://"),
    ([{**ELEMENT, "owner": "user:bob"}], 'has "owner", which is unknown'),
    ([{**ELEMENT, "details": {"onerror": "x"}}], 'has "onerror", which is unknown'),
    ([{**ELEMENT, "details": {"width": "1"}}], "must be a whole number"),
    ([{**ELEMENT, "details": {"width": -1}}], "must be a whole number"),
    ([{**ELEMENT, "details": {"width": True}}], "must be a whole number"),
    ([{**ELEMENT, "details": {"size": 'x" onload'}}], 'must be "small" or'),
    ([{**ELEMENT, "name": "x" * 256}], "has 256 characters and may have 255"),
    ([ELEMENT] * 101, "has 101 items and may have 100"),
    ([{"kind": "custom", "details": {"props": {"a": float("inf")}}}], "has a value that is none"),
    ([{"kind": "custom", "details": {"props": [1]}}], "must be an object"),
]


@pytest.mark.parametrize(("elements", "told"), MISTAKES, ids=lambda it: str(it)[:40])
def test_a_mistake_in_an_element_is_told(elements: object, told: str) -> None:
    with pytest.raises(NotAsExpectedError) as refused:
        read_elements(Value('"elements"', None, elements), None)
    assert told in str(refused.value)


@st.composite
def changed_zips(draw: st.DrawFn) -> bytes:
    """Return a good zip in which some bytes are others, or a part is gone."""
    content = bytearray(zip_of(good_zip()))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content) - 1))
        content[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
    return bytes(content)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=changed_zips() | st.binary(max_size=200).map(lambda it: b"PK" + it))
def test_any_zip_is_answered(alice: Visitor, content: bytes) -> None:
    answer = bring_in_file(alice, content)
    assert answer.status_code in (303, 422, 429), answer.text[:1_000]
    if answer.status_code != 303:
        assert "Nothing was imported." in answer.text


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    chosen=st.lists(st.integers(0, len(every_kind()) - 2), min_size=1, max_size=5),
    names=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80),
)
def test_whatever_is_shown_comes_back(generous: Visitor, chosen: list[int], names: str) -> None:
    kinds = every_kind()
    shown = [copy.deepcopy(kinds[number]) for number in dict.fromkeys(chosen)]
    shown = [(replace(data, name=names), files) for data, files in shown]
    path = store_message(generous.app, shown)
    answer = generous.get(f"{path}/export?format=json")
    if answer.mimetype == "application/zip":
        copied = import_zip(generous, answer.data)
    else:
        sent = bring_in(generous, answer.text)
        assert sent.status_code == 303, sent.text
        copied = str(sent.location).partition("?")[0]
    assert shown_page(generous, copied) == shown_page(generous, path)


@pytest.fixture
def generous(make_app: AppMaker) -> Visitor:
    return Visitor(make_app("roles.py", imports_per_hour=10_000)).logged_in("alice")
