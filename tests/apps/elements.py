"""An app that shows each kind of element, as its user asks for it."""

from __future__ import annotations

import asyncio
import io
import struct
import wave
import zlib

import webapp as cl

CODE = """\
def area(width, height):
    # A wide line, which scrolls: {}
    return width * height
""".format("word " * 30)
PROSE = """\
## Water

Water **boils** at 100 °C at sea level, and at less on a mountain:

| place | height | boils at |
|:--|--:|--:|
| Bern | 540 m | 98 °C |
| La Paz | 3,640 m | 88 °C |
"""
PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R
/Resources<</Font<</F 5 0 R>>>>>>endobj
4 0 obj<</Length 44>>stream
BT /F 24 Tf 40 100 Td (The contract) Tj ET
endstream endobj
5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
trailer<</Root 1 0 R>>
"""


def picture(width: int, height: int, red: int = 40) -> bytes:
    """Return a PNG with a gradient."""
    rows = b"".join(
        b"\0" + b"".join(bytes((red, 255 * x // width, 255 * y // height)) for x in range(width))
        for y in range(height)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def sound() -> bytes:
    """Return a second of silence."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8_000)
        file.writeframes(b"\x80" * 8_000)
    return written.getvalue()


@cl.on_message
async def answer(message: cl.Message) -> None:
    word = message.content.partition(" ")[0]
    them: list[cl.Element]
    if word == "pictures":
        them = [
            cl.Image(name="A wide gradient", content=picture(600, 200), size="large"),
            cl.Image(name="A square", content=picture(300, 300, 200), size="small"),
        ]
        await cl.Message("Two pictures, a large one and a small one:", elements=them).send()
    elif word == "files":
        them = [
            cl.File(name="sales of the quarter.csv", content="city,sales\nBern,12\n"),
            cl.File(name="تقرير المبيعات.pdf", content=PDF),
            cl.Pdf(name="contract.pdf", content=PDF, page=1),
            cl.Audio(name="A second of silence", content=sound()),
            cl.Video(name="A video that is elsewhere", url="https://far.example/video.mp4"),
            cl.File(name="x" * 120, url="https://far.example/file"),
        ]
        await cl.Message("Files, and what is elsewhere:", elements=them).send()
    elif word == "texts":
        them = [
            cl.Text(name="About water", content=PROSE),
            cl.Text(name="area.py", content=CODE, language="python"),
        ]
        await cl.Message("", elements=them).send()
    elif word == "beside":
        them = [
            cl.Text(name="the notes", content=PROSE, display="side"),
            cl.Image(name="the plan", content=picture(600, 400), display="page"),
            cl.File(name="not mentioned", content="a", display="side"),
        ]
        said = cl.Message("", elements=them)
        for letter in "I have looked at **the notes**, and drawn the plan. `the notes`":
            await said.stream_token(letter)
            await asyncio.sleep(0.005)
        await said.send()
    elif word == "sidebar":
        await cl.ElementSidebar.set_title("Sources")
        await cl.ElementSidebar.set_elements([cl.Text(name="Notes", content=PROSE)])
        await cl.Message("I have opened my sources.").send()
    elif word == "change":
        await cl.ElementSidebar.set_elements([cl.Text(name="Other notes", content="**Other**")])
    elif word == "close":
        await cl.ElementSidebar.set_elements([])
        await cl.Message("Closed.").send()
    else:
        await cl.Message(f"echo: {message.content}").send()
