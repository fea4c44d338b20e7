"""The elements that show a file: pictures, PDF, sound, video, and files to download."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import Any, Unpack, get_args

import imagesize

from webapp.authoring.chat_message import StoredFile
from webapp.authoring.elements.element import Element, ElementArguments, ElementSize
from webapp.authoring.errors import MisuseError
from webapp.authoring.json_values import json_problem

# Of the options of a player, as text.
PLAYER_CONFIG_LIMIT = 10_000


class File(Element):
    """A file that people can download.

    Example
    -------
    ::

        report = File(name="report.csv", content="city,sales\\nBern,12\\n")
        await Message(content="Here is your report.", elements=[report]).send()
    """

    kind = "file"


class Image(Element):
    """A picture. A click enlarges it.

    Parameters
    ----------
    name:
        Also what a screen reader says in the place of the picture.
    size:
        ``"small"``, ``"medium"`` or ``"large"``: how much room it may take. Without it, medium.

    Example
    -------
    ::

        cat = Image(name="A cat on a roof", path="cat.png", size="small")
        await Message(content="Look!", elements=[cat]).send()
    """

    kind = "image"

    def details(self, stored: Sequence[StoredFile]) -> dict[str, Any]:
        """Return its size, and its width and height in pixels if its file tells them."""
        found: dict[str, Any] = {"size": check_size(self.size)}
        # What a user has attached has its path as text.
        source = Path(self.path) if self.path is not None else self.content
        return found | picture_size(source) if stored and source is not None else found


class Pdf(Element):
    """A PDF document, shown by the browser's own viewer.

    Parameters
    ----------
    page:
        The number of the page with which it opens, from 1. It may be a text, as readers of PDF
        give it, and 0 is the first one, too.

    Example
    -------
    ::

        contract = Pdf(name="contract.pdf", path="contract.pdf", page=3, display="side")
        await Message(content="See contract.pdf.", elements=[contract]).send()
    """

    kind = "pdf"
    page: int | None = None

    def __init__(
        self,
        *,
        page: int | str | None = None,
        **given: Unpack[ElementArguments],
    ) -> None:
        given.setdefault("mime", "application/pdf")
        super().__init__(**given)
        self.page = None if page is None else read_page(page)

    def details(self, stored: Sequence[StoredFile]) -> dict[str, Any]:
        """Return the page with which it opens."""
        del stored
        return {} if self.page is None else {"page": self.page}


class Audio(Element):
    """A sound, in the browser's own player.

    Parameters
    ----------
    auto_play:
        Whether it begins by itself. Browsers allow that only on pages that people use already.

    Example
    -------
    ::

        spoken = Audio(name="The answer, spoken", content=speech, auto_play=True)
        await Message(content=text, elements=[spoken]).send()
    """

    kind = "audio"
    auto_play = False

    def __init__(
        self,
        *,
        auto_play: bool = False,
        **given: Unpack[ElementArguments],
    ) -> None:
        super().__init__(**given)
        self.auto_play = auto_play

    def details(self, stored: Sequence[StoredFile]) -> dict[str, Any]:
        """Return whether it begins by itself."""
        del stored
        return {"auto_play": True} if self.auto_play else {}


class Video(Element):
    """A video, in the browser's own player.

    Parameters
    ----------
    size:
        As of an `Image`.
    player_config:
        Options of Chainlit's player. ``playing``, ``loop``, ``muted`` and ``controls`` work here,
        others change nothing.

    Example
    -------
    ::

        tour = Video(name="A tour of the house", path="tour.mp4", size="large")
        await Message(content="Come in!", elements=[tour]).send()
    """

    kind = "video"
    player_config: Mapping[str, Any] = MappingProxyType({})

    def __init__(
        self,
        *,
        player_config: Mapping[str, Any] | None = None,
        **given: Unpack[ElementArguments],
    ) -> None:
        super().__init__(**given)
        if not isinstance(player_config or {}, Mapping):
            raise MisuseError(
                f"Video player_config must be a dict, not {type(player_config).__name__}."
            )
        self.player_config = dict(player_config or {})
        problem = json_problem(self.player_config, "it")
        if problem or len(str(self.player_config)) > PLAYER_CONFIG_LIMIT:
            raise MisuseError(
                f"Video player_config must be short, and JSON: {problem or 'it is too long'}."
            )

    def details(self, stored: Sequence[StoredFile]) -> dict[str, Any]:
        """Return its size and the options of its player."""
        del stored
        options = {"player_config": dict(self.player_config)} if self.player_config else {}
        return {"size": check_size(self.size), **options}


def read_page(page: int | str) -> int:
    """Return the number of a page.

    Raises
    ------
    MisuseError
        It is none.
    """
    try:
        number = int(page)
    except (TypeError, ValueError, OverflowError):
        number = -1
    if number < 0:
        raise MisuseError(f"Pdf page must be a number from 1, not {page!r:.80}.")
    return max(number, 1)


def check_size(size: object) -> str:
    """Return a size, or the usual one. That of what a user has attached is a number of bytes."""
    return str(size) if size in get_args(ElementSize) else "medium"


def picture_size(source: Path | bytes | str) -> dict[str, int]:
    """Return the width and the height of a picture in pixels; nothing if its file tells neither."""
    content = source.encode(errors="replace") if isinstance(source, str) else source
    # Never a name: imagesize would take one for an address, and ask for it.
    try:
        with (
            nullcontext(io.BytesIO(content))
            if isinstance(content, bytes)
            else content.open("rb") as file
        ):
            width, height = imagesize.get(file)
    except OSError:
        return {}
    width, height = round(width), round(height)
    return {"width": width, "height": height} if width > 0 and height > 0 else {}
