"""An app that answers with a table of as many rows as it is asked for."""

import random

import pyarrow as pa

import webapp as cl

CITIES = ["Bern", "Basel", "Genève", "Zürich", "Lugano", "Chur"]


def make_table(rows: int) -> pa.Table:
    """Return a table with numbers, times and texts of few and of many kinds."""
    chance = random.Random(rows)
    return pa.table(
        {
            "number": range(rows),
            "amount": [chance.gauss(0, 100) for _ in range(rows)],
            "city": [chance.choice(CITIES) for _ in range(rows)],
            "when": pa.array([n * 60 for n in range(rows)], pa.timestamp("s")),
            "name": [f"Customer {chance.randrange(10**9)}" for _ in range(rows)],
        }
    )


TABLES = {rows: make_table(rows) for rows in (100, 1_000_000)}


@cl.on_message
async def answer(message: cl.Message) -> None:
    """Send a table."""
    table = cl.Dataframe(data=TABLES[int(message.content)], name="Customers")
    await cl.Message(content="Here you are.", elements=[table]).send()
