"""Charts in messages: figures of matplotlib in two themes, and those of Plotly in a frame."""

from __future__ import annotations

import gzip
import io
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import Element, parse
from tests.support.people import Visitor
from tests.support.rows import run_sql
from tests.test_dataframes import link, table_rows
from tests.test_sharing import shared
from webapp.authoring.elements.charts import Plotly, Pyplot
from webapp.authoring.elements.figure_pictures import draw_figure
from webapp.authoring.errors import MisuseError

SENDS = """
    import json

    import plotly.graph_objects as go
    from matplotlib.figure import Figure

    import webapp as cl

    @cl.password_auth_callback
    def let_in(username, password):
        return cl.User(identifier=username) if password == username * 2 else None

    @cl.on_message
    def answer(message):
        figure = Figure()
        figure.subplots().plot([1, 2])
        chart = go.Figure(go.Bar(x=["</script><script>alert(1)</script>", "b"], y=[3, 5]))
        elements = [cl.Pyplot(figure=figure, name="Growth"), cl.Plotly(figure=chart, name="Sales")]
        cl.Message(content="Here you are.", elements=elements).send()
"""


@pytest.fixture
def alice(make_app: AppMaker) -> Visitor:
    """Return Alice, signed in to an app that answers with a figure and a chart."""
    return Visitor(make_app(SENDS, WEBAPP_SHARING="true")).logged_in("alice")


def ask(visitor: Visitor) -> tuple[str, Element, Element]:
    """Ask for charts. Return the address of the chat, and both elements of its page."""
    chat = Chat.of(visitor).say("?")
    page = chat.page()
    return chat.address, page.one(data_kind="pyplot"), page.one(data_kind="plotly")


def make_figure() -> tuple[Figure, Axes]:
    """Return a figure with a line, a grid, a legend and letters of all kinds."""
    figure = Figure(figsize=(5, 3))
    axes = figure.subplots()
    axes.plot([1, 2, 3], label="Growth")
    axes.axvline(1, color="black")
    axes.grid(visible=True)
    axes.legend()
    axes.set_title("It grows")
    return figure, axes


def test_a_figure_is_shown_in_two_themes_without_a_jump(alice: Visitor) -> None:
    _, element, _ = ask(alice)
    image, dark = element.one("img"), element.one("source")
    assert image["alt"] == "Growth"
    assert int(image["width"]) > int(image["height"]) > 100
    assert dark["media"] == "(prefers-color-scheme: dark)"
    pictures = [alice.get(address) for address in (image["src"], dark["srcset"])]
    assert [it.mimetype for it in pictures] == ["image/svg+xml"] * 2
    assert pictures[0].data != pictures[1].data
    assert all("sandbox" in it.headers["Content-Security-Policy"] for it in pictures)


def test_black_on_white_becomes_light_on_dark_and_the_figure_stays_as_it_was() -> None:
    figure, axes = make_figure()
    before = [axes.title.get_color(), axes.lines[1].get_color(), axes.get_facecolor()]
    drawn = draw_figure(figure)
    assert [axes.title.get_color(), axes.lines[1].get_color(), axes.get_facecolor()] == before
    assert drawn.dark is not None
    assert drawn.title == "It grows"
    # The line keeps the first of matplotlib's colours.
    assert b"#1f77b4" in drawn.light
    assert b"#1f77b4" in drawn.dark
    assert b"#ebebeb" in drawn.dark
    assert b"#ebebeb" not in drawn.light
    for picture in (drawn.light, drawn.dark):
        assert b"fill: #ffffff; opacity" not in picture.split(b"legend")[0]


def test_a_figure_with_a_ground_of_its_own_is_the_same_in_both_themes() -> None:
    figure, _ = make_figure()
    figure.set_facecolor("#102030")
    drawn = draw_figure(figure)
    assert drawn.dark is None
    assert b"#102030" in drawn.light


def test_a_drawing_of_very_many_points_is_a_picture_of_dots() -> None:
    figure, axes = make_figure()
    axes.scatter(np.random.default_rng(1).random(20_000), range(20_000))
    drawn = draw_figure(figure)
    assert (drawn.ending, drawn.light[:4]) == ("png", b"\x89PNG")
    assert len(drawn.light) < 300_000
    assert drawn.width < 1_000


def test_figures_are_drawn_in_many_threads_at_once() -> None:
    def draw(number: int) -> tuple[int, int]:
        figure, axes = make_figure()
        axes.set_title(f"Figure {number}")
        drawn = draw_figure(figure)
        assert drawn.title == f"Figure {number}"
        return drawn.width, drawn.height

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(draw, range(8)))) == 1


def test_the_chart_stands_in_a_frame_that_can_reach_nothing(alice: Visitor) -> None:
    _, _, element = ask(alice)
    frame = element.one("iframe")
    assert (frame["sandbox"], frame["title"], frame["loading"]) == (
        "allow-scripts",
        "Sales",
        "lazy",
    )
    assert int(frame["height"]) == 420
    answer = alice.get(frame["src"])
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none';")
    assert "allow-same-origin" not in policy
    assert "frame-ancestors 'self'" in policy
    assert "connect-src" not in policy
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "<script>alert(1)" not in answer.text
    figure = json.loads(parse(answer.text).one(id="figure").text)
    assert figure["data"][0]["x"][0] == "</script><script>alert(1)</script>"


def test_a_frame_is_there_before_its_message_is_stored(alice: Visitor) -> None:
    _, _, element = ask(alice)
    frame = element.one("iframe")["src"]
    whole = alice.get(frame).text
    # A page that follows an answer shows it up to a second before that.
    run_sql(alice.app, "UPDATE messages SET elements = NULL")
    early = alice.get(frame)
    assert early.status_code == 200
    assert parse(early.text).one(id="figure").text == parse(whole).one(id="figure").text
    assert Visitor(alice.app).logged_in("bob").get(frame).status_code == 404
    run_sql(alice.app, "UPDATE files SET mime = 'text/plain'")
    assert alice.get(frame).status_code == 404


def test_the_script_of_plotly_comes_from_its_package_for_frames_of_no_origin(
    anonymous: Visitor,
) -> None:
    answer = anonymous.get("/frames/plotly.js?v=1", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "immutable" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers
    assert b"plotly.js v" in gzip.decompress(answer.data)[:400]
    for name in ("frame.css", "frame.js", "mermaid.min.js"):
        own = anonymous.get(f"/static/{name}")
        assert own.headers["Cross-Origin-Resource-Policy"] == "cross-origin", name
    sheet = anonymous.get("/static/app.css")
    assert sheet.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_a_chart_of_others_is_not_found(alice: Visitor) -> None:
    _, figure, chart = ask(alice)
    bob = Visitor(alice.app).logged_in("bob")
    frame, data = chart.one("iframe")["src"], link(chart, "Data as a table")
    for address in (frame, data, figure.one("img")["src"]):
        assert alice.get(address).status_code == 200
        assert bob.get(address).status_code == 404
        assert "/login" in Visitor(alice.app).get(address).location


def test_readers_of_a_shared_chat_see_charts_until_it_is_not_shared(alice: Visitor) -> None:
    path, _, _ = ask(alice)
    bob = Visitor(alice.app).logged_in("bob")
    page = parse(bob.get(shared(alice, path)).text)
    addresses = [
        page.one("iframe")["src"],
        page.one(data_kind="pyplot").one("img")["src"],
        page.one(data_kind="pyplot").one("source")["srcset"],
        link(page, "Data as a table"),
    ]
    assert [bob.get(it).status_code for it in addresses] == [200] * 4
    alice.post(f"{path}/unshare")
    assert [bob.get(it).status_code for it in addresses] == [404] * 4


def test_the_data_of_a_chart_is_a_table(alice: Visitor) -> None:
    _, _, chart = ask(alice)
    page = parse(alice.get(link(chart, "Data as a table")).text)
    assert table_rows(page) == [["</script><script>alert(1)</script>", "3"], ["b", "5"]]


@pytest.mark.parametrize(
    ("figure", "rows"),
    [
        (
            go.Figure(go.Pie(labels=["a", "b"], values=np.array([1.5, 2]))),
            [["a", "1.5"], ["b", "2.0"]],
        ),
        (go.Figure(go.Scatter(y=np.arange(3, dtype="int16"))), [["0"], ["1"], ["2"]]),
        (
            go.Figure(go.Heatmap(z=np.array([[1, 2], [3, 4]]), x=["a", "b"])),
            [["a", "0", "1"], ["b", "0", "2"], ["a", "1", "3"], ["b", "1", "4"]],
        ),
        (
            go.Figure(go.Surface(z=[[1], [2]], x=[[5], [6]], y=[[7], [8]])),
            [["5", "7", "1"], ["6", "8", "2"]],
        ),
        (
            go.Figure(
                go.Sankey(
                    node={"label": ["a", "b"]},
                    link={"source": [0, 1], "target": [1, 5], "value": [3, 4]},
                )
            ),
            [["a", "b", "3"], ["b", "5", "4"]],
        ),
        (
            go.Figure(go.Table(header={"values": ["A"]}, cells={"values": [[1, 2], ["x"]]})),
            [["1", "x"], ["2", "–"]],
        ),
        (
            go.Figure(go.Indicator(value=3, title={"text": "Sales"})),
            [["Sales", "3"]],
        ),
        (
            go.Figure(go.Splom(dimensions=[{"label": "x", "values": np.array([1, 2])}, {}])),
            [["1", "–"], ["2", "–"]],
        ),
        (
            go.Figure(go.Bar(x=[["a", "a"], ["x", "y"]], y=[1, 2])),
            [["a / x", "1"], ["a / y", "2"]],
        ),
        (go.Figure(go.Scatter(y=np.array([1.5, np.nan]))), [["1.5"], ["–"]]),
        (
            go.Figure([go.Bar(x=["a"], y=[1], name="One"), go.Bar(x=["b"], y=[2])]),
            [["One", "a", "1"], ["Trace 2", "b", "2"]],
        ),
        (go.Figure(go.Scatter(x=[1, 2], y=[5])), [["1", "5"], ["2", "–"]]),
    ],
    ids=[
        *("pie", "numbers as bytes", "heatmap", "surface", "flows", "table", "indicator"),
        *("dimensions", "levels", "no numbers", "two traces", "uneven"),
    ],
)
def test_the_data_of_charts_of_all_kinds_is_read(
    make_app: AppMaker, figure: go.Figure, rows: list[list[str]]
) -> None:
    source = SENDS.replace(
        "elements = [", f"chart = go.Figure(json.loads({figure.to_json()!r}))\n        elements = ["
    )
    visitor = Visitor(make_app(source)).logged_in("alice")
    _, _, chart = ask(visitor)
    assert table_rows(parse(visitor.get(link(chart, "Data as a table")).text)) == rows


def test_without_the_package_on_the_site_the_data_is_left(
    alice: Visitor,
) -> None:
    alice.app.jinja_env.globals["plotly_version"] = lambda: None
    _, _, chart = ask(alice)
    assert not chart.all("iframe")
    assert alice.get(link(chart, "Data as a table")).status_code == 200


def test_what_is_no_figure_is_refused() -> None:
    for figure, kind in ((5, "int"), (pyplot, "module")):
        with pytest.raises(MisuseError, match=rf"figure of matplotlib, .*pyplot.gcf.*, not {kind}"):
            Pyplot(figure=figure)
    with pytest.raises(MisuseError, match="Plotly figure must be a figure of Plotly, not Figure"):
        Plotly(figure=Figure())
    # It has `to_json`, too.
    with pytest.raises(
        MisuseError, match="Plotly figure must be a figure of Plotly, not DataFrame"
    ):
        Plotly(figure=pd.DataFrame({"a": [1]})).new_files()


def drawn(chart: Pyplot) -> bytes:
    """Return the picture of a figure as it is sent."""
    source = chart.new_files()[0].source
    assert isinstance(source, bytes)
    # The names of its parts are made up each time.
    return re.sub(rb"(id=\"|#)[mp][0-9a-f]+", b"", source)


def test_a_figure_is_sent_as_it_was_when_its_element_was_made() -> None:
    figure, axes = pyplot.subplots()
    axes.plot([1, 2])
    first = Pyplot(figure=figure)
    open_figures = pyplot.get_fignums()
    was = drawn(first)
    figure.clear()
    figure.subplots().plot([2, 1, 2])
    second = Pyplot(figure=figure)
    assert pyplot.gcf() is figure
    pyplot.close(figure)
    assert drawn(first) == was != drawn(second)
    first.figure = other = Figure()
    assert drawn(first) == drawn(Pyplot(figure=other))
    assert open_figures == [figure.number]
    assert pyplot.get_fignums() == []


def test_a_figure_that_cannot_be_copied_is_drawn_at_once() -> None:
    figure = Figure()
    axes = figure.subplots()
    axes.plot([1, 2])
    axes.lock = threading.Lock()  # type: ignore[attr-defined]
    chart = Pyplot(figure=figure)
    figure.clear()
    assert b'id="line2d_' in chart.new_files()[0].source  # type: ignore[operator]


def test_a_chart_is_sent_as_it_was_when_its_element_was_made(make_app: AppMaker) -> None:
    app = make_app("""
        import plotly.graph_objects as go
        from matplotlib.figure import Figure

        import webapp as cl

        @cl.on_message
        async def answer(message):
            chart, rows, figure = go.Figure(go.Bar(x=["a"], y=[1])), [{"x": "a"}], Figure()
            elements = [
                cl.Plotly(figure=chart), cl.Dataframe(data=rows), cl.Pyplot(figure=figure)
            ]
            chart.data[0].x, rows[0]["x"] = ["b"], "b"
            figure.suptitle("Later")
            sent = await cl.Message(content="Now", elements=elements).send()
            if message.content == "update":
                for element in elements:
                    await element.update()
    """)
    for said, value, alt in (("show", "a", "Figure"), ("update", "b", "Later")):
        chat = Chat(app).say(said)
        page = chat.page()
        data = chat.visitor.get(link(page.one(data_kind="plotly"), "Data as a table"))
        assert table_rows(parse(data.text)) == [[value, "1"]]
        assert table_rows(page.one(data_kind="dataframe")) == [[value]]
        assert page.one(data_kind="pyplot").one("img")["alt"] == alt


def test_a_figure_closes_no_window_and_keeps_its_canvas() -> None:
    figure, _ = make_figure()
    canvas = figure.canvas
    draw_figure(figure)
    assert figure.canvas is canvas
    file = io.BytesIO()
    figure.savefig(file, format="png")
    assert to_rgba(figure.get_facecolor()) == (1, 1, 1, 1)
    assert file.getvalue()
