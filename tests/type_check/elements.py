"""Read by mypy, never run: elements take what they say, and nothing else."""

from __future__ import annotations

from typing import assert_type

import webapp as cl


@cl.on_message
async def answer(message: cl.Message) -> None:
    table = cl.Dataframe(data=[{"n": 1}], name="Numbers", size="small")
    ticket = cl.CustomElement(name="Ticket", props={"title": message.content})
    await cl.Message(content="Look", elements=[table, ticket]).send()
    ticket.props["title"] = "Done"
    assert_type(await ticket.update(), cl.CustomElement)
    assert_type(await table.remove(), cl.Dataframe)


cl.Dataframe()  # type: ignore[call-arg]
cl.Plotly(figure=None, display="beside")  # type: ignore[arg-type]
cl.Pyplot(figure=None, size="huge")  # type: ignore[arg-type]
cl.CustomElement(props={})  # type: ignore[call-arg]
