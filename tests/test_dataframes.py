"""Tables in messages: stored, shown, paged, sorted, downloaded, shared, and nobody else's."""

from __future__ import annotations

import csv
import importlib.util
import io
import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import Element, parse
from tests.support.people import HTMX, Visitor
from tests.support.s3 import s3_server
from tests.test_sharing import shared
from webapp.authoring.chat_message import ElementData
from webapp.authoring.elements.dataframe import Dataframe
from webapp.authoring.errors import MisuseError
from webapp.authoring.tables import arrow_files
from webapp.authoring.tables.cells import OTHER
from webapp.elements.tables.parquet_table import ParquetTable
from webapp.elements.tables.table_file import UnreadableTableError
from webapp.elements.tables.table_view import first_table_view

SENDS = """
    import webapp as cl

    @cl.password_auth_callback
    def let_in(username, password):
        return cl.User(identifier=username) if password == username * 2 else None

    @cl.on_message
    def answer(message):
        rows = [{"city": f"City {n:02d}", "people": n * 7 % 25} for n in range(25)]
        rows[3]["people"] = None
        table = cl.Dataframe(data=rows, name="Cities")
        cl.Message(content="Here you are.", elements=[table]).send()
"""
HOSTILE = "<script>alert(1)</script>\u202e\x00\ud800"


@pytest.fixture
def alice(make_app: AppMaker) -> Visitor:
    """Return Alice, signed in to an app that answers with a table."""
    return Visitor(make_app(SENDS, WEBAPP_SHARING="true")).logged_in("alice")


def ask(visitor: Visitor) -> tuple[str, Element]:
    """Ask for a table, and return the address of the chat and its page as it is when reloaded."""
    chat = Chat.of(visitor).say("?")
    return chat.address, chat.page()


def table_rows(page: Element) -> list[list[str]]:
    """Return the cells of the only table on a page."""
    body = page.one("tbody")
    return [[cell.text.strip() for cell in row.all("td")] for row in body.all("tr")]


def link(page: Element, text: str) -> str:
    """Return where a link of the table leads."""
    (found,) = [it["href"] for it in page.all("a") if it.text.strip() == text]
    return found


def shown(data: Any) -> dict[str, Any]:
    """Return what the chat shows of a table without reading its file, which is read here too."""
    table = Dataframe(data=data)
    (file,) = table.new_files()
    assert isinstance(file.source, bytes)
    stored = ParquetTable(pa.BufferReader(file.source))
    found = table.details([])
    assert (stored.rows, len(stored.names)) == (found["rows"], found["column_count"])
    return found


def test_a_table_is_shown_with_its_message_after_a_reload(alice: Visitor) -> None:
    _, page = ask(alice)
    element = page.one(data_testid="element")
    assert (element["data-kind"], element["data-name"]) == ("dataframe", "Cities")
    assert element.one("caption").text == "Cities"
    assert [it["scope"] for it in element.all("th")] == ["col", "col"]
    assert table_rows(page)[:5] == [
        ["City 00", "0"],
        ["City 01", "7"],
        ["City 02", "14"],
        ["City 03", "–"],
        ["City 04", "3"],
    ]
    assert len(table_rows(page)) == 10
    assert "1–10 of 25" in element.text


def test_pages_are_reached_by_plain_links_and_by_htmx(alice: Visitor) -> None:
    _, page = ask(alice)
    second = link(page, "Next")
    whole = parse(alice.get(second).text)
    assert whole.one("html")
    assert table_rows(whole)[0][0] == "City 10"
    fragment = parse(alice.get(second, headers=HTMX).text)
    assert not fragment.all("html")
    assert table_rows(fragment) == table_rows(whole)
    last = parse(alice.get(link(whole, "Last")).text)
    assert [row[0] for row in table_rows(last)] == [f"City {n}" for n in range(20, 25)]
    assert "Next" not in [it.text for it in last.all("a")]


def test_sorting_keeps_rows_without_a_value_last_and_goes_on_over_pages(alice: Visitor) -> None:
    _, page = ask(alice)
    up = parse(alice.get(link(page, "people")).text)
    assert [row[1] for row in table_rows(up)][:3] == ["0", "1", "2"]
    (header,) = [it for it in up.all("th") if it.get("aria-sort")]
    assert header["aria-sort"] == "ascending"

    down = parse(alice.get(link(up, "people▲")).text)
    assert [row[1] for row in table_rows(down)][:3] == ["24", "23", "22"]
    assert down.one("th", aria_sort="descending")
    end = parse(alice.get(link(down, "Last")).text)
    assert [row[1] for row in table_rows(end)][-2:] == ["0", "–"]


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ("Bern;=1", "Bern;'=1"),
        ("Bern\n+F(1)", "Bern\n'+F(1)"),
        ("Bern; Thun - 1", "Bern; Thun - 1"),
    ],
    ids=ascii,
)
def test_no_formula_follows_a_semicolon_in_the_file(
    make_app: AppMaker, text: str, guarded: str
) -> None:
    source = SENDS.replace('f"City {n:02d}"', repr(text))
    visitor = Visitor(make_app(source)).logged_in("alice")
    _, page = ask(visitor)
    rows = list(csv.reader(io.StringIO(visitor.get(link(page, "Download CSV")).text, newline="")))
    assert {row[0] for row in rows[1:]} == {guarded}


def test_the_file_has_all_rows_and_no_formula(make_app: AppMaker) -> None:
    source = SENDS.replace('f"City {n:02d}"', '"=HYPERLINK(1)" if n else "-5"')
    visitor = Visitor(make_app(source)).logged_in("alice")
    _, page = ask(visitor)
    answer = visitor.get(link(page, "Download CSV"))
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "Cities.csv" in answer.headers["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["city", "people"]
    assert rows[1:5] == [
        ["'-5", "0"],
        ["'=HYPERLINK(1)", "7"],
        ["'=HYPERLINK(1)", "14"],
        ["'=HYPERLINK(1)", ""],
    ]
    assert len(rows) == 26


def test_nobody_else_sees_a_page_of_a_table(alice: Visitor) -> None:
    _, page = ask(alice)
    bob, stranger = Visitor(alice.app).logged_in("bob"), Visitor(alice.app)
    for text in ("Next", "people", "Download CSV"):
        address = link(page, text)
        assert alice.get(address).status_code == 200
        assert bob.get(address).status_code == 404
        assert "/login" in stranger.get(address).location


def test_readers_of_a_shared_chat_page_and_sort(alice: Visitor) -> None:
    path, own = ask(alice)
    bob = Visitor(alice.app).logged_in("bob")
    address = shared(alice, path)
    page = parse(bob.get(address).text)
    assert table_rows(page) == table_rows(own)
    second = link(page, "Next")
    assert "share=" in second
    other = parse(bob.get(second).text)
    assert table_rows(other)[0][0] == "City 10"
    assert not other.all("script")
    assert link(other, "Back to the chat") == address
    assert bob.get(link(page, "Download CSV")).text.count("\n") == 26

    alice.post(f"{path}/unshare")
    assert bob.get(second).status_code == 404


@pytest.mark.parametrize(
    "query",
    ["page=0", "page=x", "page=1&page=2", "format=xlsx", "sort=a&sort=b", "page=9999999999"],
)
def test_an_address_that_no_page_has_is_refused(alice: Visitor, query: str) -> None:
    _, page = ask(alice)
    address = link(page, "Next").partition("?")[0]
    assert alice.get(f"{address}?{query}").status_code == 400


@pytest.mark.parametrize("query", ["page=999999999", "sort=nothing&page=3", "desc=1&page=3"])
def test_a_page_or_column_that_is_gone_leads_to_the_nearest(alice: Visitor, query: str) -> None:
    _, page = ask(alice)
    address = link(page, "Next").partition("?")[0]
    found = parse(alice.get(f"{address}?{query}").text)
    assert [row[0] for row in table_rows(found)] == [f"City {n}" for n in range(20, 25)]


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame({"n": [1, 2], "t": ["x", None]}),
        pl.DataFrame({"n": [1, 2], "t": ["x", None]}),
        pl.LazyFrame({"n": [1, 2], "t": ["x", None]}),
        pa.table({"n": [1, 2], "t": ["x", None]}),
        pa.record_batch({"n": [1, 2], "t": ["x", None]}),
        pa.table({"n": [1, 2], "t": ["x", None]}).to_reader(),
        [{"n": 1, "t": "x"}, {"n": 2}],
        pl.DataFrame({"n": [1, 2], "t": pl.Series(["x", None], dtype=pl.Categorical)}),
        pd.DataFrame({"n": [1, 2], "t": pd.Categorical(["x", None])}),
    ],
    ids=lambda data: type(data).__name__,
)
def test_tables_of_every_library_are_alike(data: Any) -> None:
    found = shown(data)
    assert found["columns"] == [["n", "number"], ["t", "text"]]
    assert found["head"] == [["1", "x"], ["2", None]]


def test_a_table_that_speaks_only_the_interchange_protocol_is_taken() -> None:
    class Foreign:
        def __dataframe__(self, **arguments: Any) -> Any:
            return pa.table({"n": [1.5]}).__dataframe__(**arguments)

    assert shown(Foreign())["head"] == [["1.5"]]


def test_cells_read_well() -> None:
    data = pl.DataFrame(
        {
            "float": [0.1, 12.25, None],
            "day": [datetime(2026, 11, 28), None, None],  # noqa: DTZ001 - as authors write
            "time": [datetime(2026, 11, 28, 9, 5), None, datetime(2026, 1, 1, 0, 0, 7)],  # noqa: DTZ001
            "date": [date(2026, 1, 2), None, None],
            "long": [timedelta(minutes=90), None, None],
            "yes": [True, False, None],
            "list": [[1, 2], [], None],
            "bytes": [b"\x00\xff", b"", None],
        }
    )
    first, second, third = shown(data)["head"]
    assert first == [
        "0.10",
        "2026-11-28",
        "2026-11-28 09:05",
        "2026-01-02",
        "1:30:00",
        "true",
        "[1, 2]",
        "2 bytes",
    ]
    assert second == ["12.25", None, None, None, None, "false", "[]", "0 bytes"]
    assert third == [None, None, "2026-01-01 00:00:07", None, None, None, None, None]
    money = pa.table({"d": [Decimal("1234567890.10")], "huge": [1e300], "nan": [float("nan")]})
    assert shown(money)["head"] == [["1234567890.10", "1e+300", "NaN"]]


def test_an_index_that_says_something_is_a_column() -> None:
    sums = (
        pd.DataFrame({"g": ["a", "a", "b"], "v": [1, 2, 3]}).groupby("g").agg({"v": ["sum", "max"]})
    )
    assert shown(sums)["columns"] == [["g", "text"], ["v / sum", "number"], ["v / max", "number"]]
    assert shown(pd.DataFrame({"v": [1]}))["columns"] == [["v", "number"]]
    filtered = pd.DataFrame({"v": [1, 2, 3]}).query("v > 1")
    assert shown(filtered)["columns"] == [["v", "number"]]
    assert [name for name, _ in shown(pd.DataFrame(columns=["v"]))["columns"]] == ["v"]


@pytest.mark.parametrize(
    ("index", "names", "first"),
    [
        (["low", "high"], ["index"], ["low"]),
        (pd.Index(["low", "high"], dtype=object), ["index"], ["low"]),
        (pd.CategoricalIndex(["low", "high"]), ["index"], ["low"]),
        (pd.date_range("2026-01-31", periods=2), ["index"], ["2026-01-31"]),
        (pd.period_range("2026-01", periods=2, freq="M"), ["index"], ["2026-01"]),
        (pd.Index([0.5, 1.5]), ["index"], ["0.5"]),
        (pd.MultiIndex.from_tuples([("a", 1), ("a", 2)]), ["level 1", "level 2"], ["a", "1"]),
        (
            pd.MultiIndex.from_tuples([(1, 2), (1, 3)], names=["x", None]),
            ["x", "level 2"],
            ["1", "2"],
        ),
    ],
)
def test_what_rows_are_named_by_is_a_column(index: Any, names: list[str], first: list[str]) -> None:
    found = shown(pd.DataFrame({"v": [7, 8]}, index=index))
    assert [name for name, _ in found["columns"]] == [*names, "v"]
    assert found["head"][0] == [*first, "7"]


def test_a_summary_of_pandas_says_what_its_rows_are() -> None:
    found = shown(pd.DataFrame({"v": [1.0, 3.0]}).describe())
    assert [row[0] for row in found["head"]][:2] == ["count", "mean"]


class Thing:
    """Something that no table has a type for."""

    def __repr__(self) -> str:
        return "<a thing>"


ODD_COLUMNS: list[Any] = [
    pd.DataFrame({"a": [b"abc", b"\xff\x00", None]}),
    pd.DataFrame({"a": pd.arrays.SparseArray([0, 0, 1])}),
    pd.DataFrame({"a": [1, "two", b"three", None, Thing(), Decimal("1.5")]}),
    pd.DataFrame({"a": np.array([1.5, 2, np.nan], dtype="float16")}),
    pd.DataFrame({"a": np.array([2**64 - 1, 0], dtype="uint64"), "b": [10**30, 1]}),
    pd.DataFrame({"a": pd.to_timedelta(["1 days 02:03:04", None]), "b": pd.interval_range(0, 2)}),
    pd.DataFrame({"a": [{"x": 1}, {"y": [b"z"]}], "b": [{1, 2}, set()], "c": [("t", 1), None]}),
    pd.DataFrame([[1, 2, 3]], columns=["a", "a", 5]),
    pl.DataFrame({"a": pl.Series([Thing(), Thing()], dtype=pl.Object)}),
    pl.DataFrame({"a": pl.Series([1, 2], dtype=pl.Int128), "b": [b"\xff", None]}),
    pl.DataFrame({"a": [[1, 2], None], "b": [{"x": 1}, None], "c": [None, None]}),
    pa.table({"a": pa.RunEndEncodedArray.from_arrays([2, 3], [1, 5])}),
    pa.table({"a": pa.array([b"\xff", None]).dictionary_encode()}),
    pa.table({"a": pa.array([1, 2], pa.float16())}),
    pa.table({"a": pa.array([[("k", 1)], None], pa.map_("string", "int8"))}),
    pa.table({"a": pa.array([0, 1], pa.timestamp("s", "Not/AZone"))}),
    pa.table({"a": pa.array([0, 1], pa.time32("s")), "b": pa.array([0, 1], pa.duration("ns"))}),
    [{"a": b"\xff"}, {"a": None}],
    [{"a": Thing(), None: 1, 5: 2}],
]  # fmt: skip


@pytest.mark.parametrize("data", ODD_COLUMNS, ids=range(len(ODD_COLUMNS)))
def test_whatever_a_column_holds_it_is_shown_sorted_and_downloaded(data: Any) -> None:
    (file,) = Dataframe(data=data).new_files()
    assert isinstance(file.source, bytes)
    table = ParquetTable(pa.BufferReader(file.source))
    lines = list(csv.reader(io.StringIO(b"".join(table.write_csv()).decode())))
    assert lines[0] == table.names
    for name, kind in zip(table.names, table.kinds, strict=True):
        if kind != OTHER:
            rows = table.sort_rows(name, descending=False)
            assert sorted(rows) == list(range(table.rows))
    assert len(shown(data)["head"]) == table.rows


def test_objects_are_shown_as_text_and_not_by_where_they_lie_in_memory() -> None:
    data = pl.DataFrame({"a": pl.Series([Thing(), None], dtype=pl.Object)})
    assert shown(data)["head"] == [["<a thing>"], [None]]


@pytest.mark.parametrize(
    "data",
    [pd.DataFrame({"v": [1, 2]}), pl.DataFrame({"v": [1, 2]}), [{"v": 1}, {"v": 2}]],
    ids=lambda data: type(data).__name__,
)
def test_a_table_is_sent_as_it_was_when_its_element_was_made(data: Any) -> None:
    table = Dataframe(data=data)
    if isinstance(data, list):
        data[0]["v"] = 9
        data.append({"v": 3})
    elif isinstance(data, pl.DataFrame):
        data[0, "v"] = 9
    else:
        data.loc[0, "v"] = 9
        data["more"] = 1
    table.new_files()
    assert table.details([])["head"] == [["1"], ["2"]]
    table.data = [{"v": 5}]
    table.new_files()
    assert table.details([])["head"] == [["5"]]


def test_numbers_stay_numbers() -> None:
    data = pd.DataFrame({"a": pd.arrays.SparseArray([0.0, 1.5]), "b": [-0.0, 2.5]})
    assert shown(data)["columns"] == [["a", "number"], ["b", "number"]]
    assert shown(data)["head"] == [["0.0", "0.0"], ["1.5", "2.5"]]
    runs = pa.table({"a": pa.RunEndEncodedArray.from_arrays([2, 3], [1, 5])})
    assert shown(runs)["columns"] == [["a", "number"]]


def test_times_of_any_year_and_zone_read_well() -> None:
    old = pd.DataFrame({"a": [datetime(1, 1, 1), datetime(1, 1, 1, 9, 5)]})  # noqa: DTZ001
    assert shown(old)["head"] == [["0001-01-01 00:00"], ["0001-01-01 09:05"]]
    nowhere = pa.table({"a": pa.array([0, 60], pa.timestamp("s", "Not/AZone"))})
    assert shown(nowhere)["head"] == [["1970-01-01 00:00 UTC"], ["1970-01-01 00:01 UTC"]]


def test_columns_that_no_other_library_has_are_shown_as_text() -> None:
    odd = pd.DataFrame({"mixed": [1, "x"], "complex": [1j, 2j]})
    odd["period"] = pd.period_range("2026-01", periods=2, freq="M")
    assert shown(odd)["head"] == [["1", "1j", "2026-01"], ["x", "2j", "2026-02"]]
    mixed = [{"a": 1}, {"a": "x"}, {"a": {"deep": [1]}}, {"a": 10**30}]
    assert [row[0] for row in shown(mixed)["head"]] == ["1", "x", "{'deep': [1]}", "1" + "0" * 30]


def test_hostile_names_and_cells_stay_text(make_app: AppMaker) -> None:
    source = SENDS.replace("rows = [", f"hostile = {HOSTILE!r}\n        rows = [").replace(
        'table = cl.Dataframe(data=rows, name="Cities")',
        'rows[0] = {hostile: hostile, "": "x" * 1_000_000}\n'
        "        table = cl.Dataframe(data=rows, name=hostile)",
    )
    visitor = Visitor(make_app(source)).logged_in("alice")
    _, page = ask(visitor)
    element = page.one(data_testid="element")
    assert not element.all("script")
    assert "<script>alert(1)</script>" in element.one("caption").text
    assert len(element.one("tbody").all("td")[3].text) < 200
    whole = parse(visitor.get(link(page, "Next")).text)
    names = [it.text.strip() for it in whole.all("th")]
    assert names == ["<script>alert(1)</script>\u202e\ufffd", "column 2", "city", "people"]
    for header in whole.all("th"):
        assert visitor.get(header.one("a")["href"]).status_code == 200


@pytest.mark.parametrize("data", [[], pd.DataFrame(), pl.DataFrame(), [{}]], ids=repr)
def test_an_empty_table_says_so(data: Any) -> None:
    assert shown(data)["columns"] == []


def test_what_is_no_table_is_refused_with_what_is_taken() -> None:
    for data in (5, "text", None, [1, 2], {"a": 1}, object()):
        with pytest.raises(MisuseError, match="pandas, polars or pyarrow, or a list of dicts"):
            Dataframe(data=data).new_files()
    with pytest.raises(MisuseError, match='"small", "medium" or "large"'):
        Dataframe(data=[], size="huge")  # type: ignore[arg-type]


def test_without_pyarrow_a_short_list_of_dicts_works(
    make_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: None)
    visitor = Visitor(make_app(SENDS)).logged_in("alice")
    _, page = ask(visitor)
    down = parse(visitor.get(link(page, "people") + "&desc=1").text)
    assert [row[1] for row in table_rows(down)][:3] == ["24", "23", "22"]
    assert visitor.get(link(page, "Download CSV")).text.count("\n") == 26

    for data in (pd.DataFrame({"n": [1]}), [{"n": n} for n in range(6_000)]):
        with pytest.raises(MisuseError, match=r"pip install 'chat-profiles\[tables\]'"):
            Dataframe(data=data).new_files()


def test_a_wide_table_shows_its_first_columns_and_the_file_has_all() -> None:
    found = shown([{f"c{n}": n for n in range(300)}])
    assert (len(found["columns"]), found["column_count"]) == (50, 300)


def test_a_page_reads_only_the_groups_of_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    content = arrow_files.write_parquet(pa.table({"n": range(100_000)}))
    table = ParquetTable(pa.BufferReader(content))
    read: list[int] = []
    plain = table._read_group

    def note_group(group: int, columns: Sequence[str]) -> Any:
        read.append(group)
        return plain(group, columns)

    monkeypatch.setattr(table, "_read_group", note_group)
    assert table.read_rows(["n"], 10_005, 10_008) == [[10_005, 10_006, 10_007]]
    assert table.read_rows(["n"], 19_999, 20_001) == [[19_999, 20_000]]
    assert read == [1, 1, 2]


def test_rows_in_an_order_of_every_kind_of_column() -> None:
    data = pl.DataFrame(
        {
            "text": ["b", None, "A", "c"],
            "number": [2.5, -1.0, None, 10.0],
            "time": [datetime(2026, 1, n, tzinfo=None) for n in (2, 1, 4, 3)],  # noqa: DTZ001
            "yes": [True, False, None, True],
        }
    )
    table = ParquetTable(pa.BufferReader(arrow_files.write_parquet(arrow_files.arrow_table(data))))
    assert list(table.sort_rows("text", descending=False)) == [2, 0, 3, 1]
    assert list(table.sort_rows("number", descending=True)) == [3, 0, 1, 2]
    assert list(table.sort_rows("time", descending=False)) == [1, 0, 3, 2]
    assert list(table.sort_rows("yes", descending=False)) == [1, 0, 3, 2]


def test_a_damaged_or_hostile_file_is_refused(tmp_path: Path) -> None:
    content = arrow_files.write_parquet(pa.table({"n": range(1_000), "t": ["x" * 50] * 1_000}))
    broken = bytearray(content)
    broken[10:200] = b"\xff" * 190
    with pytest.raises(UnreadableTableError):
        ParquetTable(pa.BufferReader(bytes(broken))).read_rows(["n", "t"], 0, 10)
    for damaged in (b"", b"PAR1", b"PAR1" * 40, content[:-20]):
        with pytest.raises(UnreadableTableError):
            ParquetTable(pa.BufferReader(damaged))
    # A small file with one huge group of rows.
    bomb = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"n": np.zeros(3_000_000)}), bomb, row_group_size=3_000_000)
    with pytest.raises(UnreadableTableError):
        ParquetTable(str(bomb))


def test_a_text_that_comes_often_is_read_once() -> None:
    often = pa.DictionaryArray.from_arrays(pa.array([0] * 5_000), pa.array(["x" * 1_000_000]))
    sink = pa.BufferOutputStream()
    # Without our schema the file says that the column holds text.
    pq.write_table(pa.table({"t": often}), sink, row_group_size=5_000, store_schema=False)
    table = ParquetTable(pa.BufferReader(sink.getvalue()))
    before = pa.total_allocated_bytes()
    group = table._read_group(0, ["t"])
    assert pa.total_allocated_bytes() - before < 50_000_000
    del group
    assert list(table.sort_rows("t", descending=False))[:2] == [0, 1]


def test_a_file_that_is_gone_or_damaged_is_told_plainly(alice: Visitor) -> None:
    _, page = ask(alice)
    folder = alice.app.extensions["settings"].files_folder
    (file,) = [it for it in folder.rglob("*") if it.is_file()]
    for content, code in ((b"PAR1 and no more", 409), (b"{}", 409), (None, 404)):
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)
        for text in ("Next", "Download CSV"):
            answer = alice.get(link(page, text))
            assert answer.status_code == code
            assert ("This table cannot be read." in answer.text) is (code == 409)


def test_a_table_in_object_storage_is_read_piece_by_piece(
    make_app: AppMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with s3_server(tmp_path) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        app = make_app(SENDS, WEBAPP_FILES_URL=server.new_bucket())
        visitor = Visitor(app).logged_in("alice")
        _, page = ask(visitor)
        down = parse(visitor.get(link(page, "people") + "&desc=1").text)
        assert [row[1] for row in table_rows(down)][:3] == ["24", "23", "22"]
        assert visitor.get(link(page, "Download CSV")).text.count("\n") == 26

        server.stop()
        for text in ("Next", "Download CSV"):
            answer = visitor.get(link(page, text))
            assert answer.status_code == 503
            assert "Nothing is lost." in answer.text


@pytest.mark.parametrize(
    "details",
    [
        {},
        {"columns": 5, "head": "x", "rows": "y"},
        {"columns": [["a", {"b": 1}], "x", ["c"]], "head": [[1], [None], ["x", "y"], 5]},
        {"columns": [["a" * 9_999, "number"]], "head": [["b" * 9_999]] * 9_999, "rows": -5},
        {"columns": [["a", "number"]], "page_rows": 10**9, "rows": 10**30, "column_count": -1},
        {"columns": [["a", "number"]], "page_rows": 0, "rows": True},
    ],
)
def test_details_that_somebody_made_up_are_shown_as_far_as_they_go(details: dict[str, Any]) -> None:
    element = ElementData(id=uuid.UUID(int=1), kind="dataframe", name="x", details=details)
    view = first_table_view(element)
    assert 1 <= view.page_rows <= 50
    assert view.pages >= 1
    assert len(view.rows) <= view.page_rows
    assert all(len(row) == len(view.columns) for row in view.rows)
    assert all(len(cell or "") < 200 for row in view.rows for cell in row)
    assert {column.kind for column in view.columns} <= {"number", "text", "time", "other"}
