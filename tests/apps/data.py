"""Answers with a table, a chart, a figure or a diagram: say which."""

import matplotlib as mpl
import pandas as pd
import plotly.graph_objects as go
from matplotlib.figure import Figure

import webapp as cl

mpl.use("agg")
DIAGRAM = """Here it is:

```mermaid
flowchart LR
    A[Start] --> B{Is it <b>big</b>?}
    B -->|yes| C[Cut it]
    B -->|no| D[Eat it]
    C --> D
```

Done.
"""


def make_table() -> cl.Dataframe:
    """Return a table with numbers, texts, times, gaps and long cells, wider than a phone."""
    rows = 95
    frame = pd.DataFrame(
        {
            "when": pd.date_range("2026-01-01 08:30", periods=rows, freq="13h"),
            "city": [("Bern", "Basel", "Genève", "العربية")[n % 4] for n in range(rows)],
            "people": [n * 37 % 101 * 1000 for n in range(rows)],
            "share": [n * 7 % 13 / 13 for n in range(rows)],
            "open": [n % 3 == 0 for n in range(rows)],
            "note": [None if n % 4 else f"A longer note about row {n}, " * 8 for n in range(rows)],
        }
    )
    frame.loc[2, "people"] = None
    return cl.Dataframe(data=frame, name="Cities of the year")


def make_chart(points: int = 12) -> cl.Plotly:
    """Return a chart. With very many points, Plotly draws it with WebGL."""
    figure = go.Figure(layout={"title": "Rain", "xaxis": {"title": "Month"}})
    months = list(range(1, points + 1))
    if points > 1000:
        figure.add_trace(go.Scattergl(x=months, y=[n % 17 for n in months], mode="markers"))
    else:
        figure.add_trace(go.Bar(x=months, y=[n * 7 % 11 for n in months], name="Bern"))
        figure.add_trace(go.Scatter(x=months, y=[n * 5 % 11 for n in months], name="<b>Basel</b>"))
    return cl.Plotly(figure=figure, name="Rain by month")


def make_figure() -> cl.Pyplot:
    """Return a figure of matplotlib in its own colours."""
    figure = Figure(figsize=(6, 3.2))
    axes = figure.subplots()
    axes.plot([1, 2, 4, 8], label="Growth")
    axes.axhline(3, color="black", linestyle="--")
    axes.set_title("It doubles")
    axes.grid(visible=True)
    axes.legend()
    return cl.Pyplot(figure=figure, name="Growth over four weeks")


@cl.on_message
async def answer(message: cl.Message) -> None:
    """Send what was asked for."""
    asked = message.content
    if "diagram" in asked:
        reply = cl.Message()
        text = DIAGRAM.replace("-->", "--") if "broken" in asked else DIAGRAM
        for token in text.splitlines(keepends=True):
            reply.stream_token(token)
        reply.send()
        return
    elements: list[cl.Element] = []
    if "table" in asked:
        elements.append(make_table())
    if "chart" in asked:
        elements.append(make_chart(5_000 if "large" in asked else 12))
    if "figure" in asked:
        elements.append(make_figure())
    if "custom" in asked:
        props = {"title": "A <lamp> is broken", "open": True, "done": 2, "all": 5}
        props["hours"] = [2, 5, 8, 3, 6]
        elements.append(cl.CustomElement(name="Ticket", props=props))
    if "side" in asked:
        for element in elements:
            element.display = "side"
    await cl.Message(content=f"Here is the {asked}.", elements=elements).send()
