"""`Element`, which all kinds of elements share: a name, a place, and what is shown."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import wait
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypedDict, get_args

from webapp.authoring.awaitable_object import AwaitableObject
from webapp.authoring.chat_message import (
    ElementData,
    ElementDisplay,
    ElementKind,
    NewFile,
    StoredFile,
)
from webapp.authoring.context import ChatContext, running_chat
from webapp.authoring.elements.data_urls import is_data_url, read_data_url
from webapp.authoring.elements.snapshot import Snapshot
from webapp.authoring.errors import MisuseError, refuse_unknown_arguments
from webapp.authoring.text import clean_text

ElementSize = Literal["small", "medium", "large"]
ELEMENT_NAME_LIMIT = 200
ELEMENTS_PER_MESSAGE = 100
# Of an address: a page may show it several times.
URL_LIMIT = 8_000
# What Chainlit's dictionaries have of elements that can be made of them, and their arguments.
_KEYS: Mapping[str, str] = {
    key: key for key in ("name", "path", "url", "content", "mime", "display")
}
_KEYS_OF_KINDS: Mapping[str, Mapping[str, str]] = {
    "image": {**_KEYS, "size": "size"},
    "pdf": {**_KEYS, "page": "page"},
    "audio": {**_KEYS, "autoPlay": "auto_play"},
    "video": {**_KEYS, "size": "size", "playerConfig": "player_config"},
    "text": {**_KEYS, "language": "language"},
    "custom": {"name": "name", "display": "display", "props": "props"},
}


class ElementArguments(TypedDict, total=False):
    """The arguments that all elements take."""

    name: str
    path: str | Path | None
    url: str | None
    content: bytes | bytearray | memoryview | str | None
    mime: str | None
    display: ElementDisplay
    size: ElementSize | None


@refuse_unknown_arguments
class Element(AwaitableObject):
    """Something that a message shows beside its text.

    Its methods act at once, as those of a `Message`. You may await them or not. In an
    ``async def``, await them: the file is stored in a thread.

    Parameters
    ----------
    name:
        What people read as its title, and find as the name of its file. At most 200 characters.
    path:
        A file on this machine. It is copied into the store when the element is sent.
    url:
        Where it is, for what is not on this machine. The server never asks for it. One that begins
        with ``data:`` is the content itself.
    content:
        The bytes, or a text.
    mime:
        Its content type, such as ``image/png``. Without it, the content and the name tell.
    display:
        ``"inline"`` below the text, ``"side"`` in a panel beside the chat, or ``"page"`` on a page
        of its own. The last two are opened by a link: each place in the text that has the name.
    size:
        ``"small"``, ``"medium"`` or ``"large"``: how much room a picture or a video may take.

    Chainlit's ``id``, ``thread_id``, ``for_id``, ``language``, ``object_key`` and ``chainlit_key``
    are taken by each kind, and change nothing where they are not said to.

    Example
    -------
    ::

        picture = Image(name="before", path="before.png")
        message = await Message(content="Look!", elements=[picture]).send()
        await File(name="data.csv", path="data.csv").send(for_id=message.id)
        picture.path = Path("after.png")
        await picture.update()
    """

    kind: ClassVar[ElementKind] = "file"
    # Of what it is made, for the kinds that do not take it as bytes.
    _snapshot: Snapshot | None = None
    _ignored = ("id", "thread_id", "for_id", "language", "object_key", "chainlit_key")

    def __init__(
        self,
        *,
        name: str = "",
        path: str | Path | None = None,
        url: str | None = None,
        content: bytes | bytearray | memoryview | str | None = None,
        mime: str | None = None,
        display: ElementDisplay = "inline",
        size: ElementSize | None = None,
    ) -> None:
        owner = type(self).__name__
        if display not in get_args(ElementDisplay):
            raise MisuseError(
                f'{owner} display must be "inline", "side" or "page", not {display!r:.80}.'
            )
        if size is not None and size not in get_args(ElementSize):
            raise MisuseError(
                f'{owner} size must be "small", "medium" or "large", not {size!r:.80}.'
            )
        name = clean_text(str(name or ""))
        if len(name) > ELEMENT_NAME_LIMIT:
            raise MisuseError(
                f"The name of an element has at most {ELEMENT_NAME_LIMIT} characters; this one has "
                f"{len(name)}."
            )
        if url is not None and is_data_url(url) and path is None and content is None:
            read = read_data_url(url)
            if read is None:
                raise MisuseError(
                    f"{owner} url begins with data:, but holds no content: {url!r:.80}."
                )
            url, content, mime = None, read[0], mime or read[1]
        if url is not None and len(url) > URL_LIMIT:
            raise MisuseError(
                f"{owner} url has at most {URL_LIMIT:,} characters, not {len(url):,}."
            )
        self.name = name
        self.path = Path(path) if path else None
        self.url = url or None
        if isinstance(content, bytearray | memoryview):
            content = bytes(content)
        self.content: bytes | str | None = content
        self.mime = mime
        self.display = display
        self.size = size
        self._id = uuid.uuid4()
        # The chat and the message that show it, and how it is stored there.
        self._chat_id: str | None = None
        self._message_id: uuid.UUID | None = None
        self._data: ElementData | None = None

    @property
    def id(self) -> str:
        """The id of the element, a UUID."""
        return str(self._id)

    @property
    def type(self) -> ElementKind:
        """The kind of the element, by the name that Chainlit has for it."""
        return self.kind

    @property
    def for_id(self) -> str | None:
        """The id of the message that shows it, once it is sent."""
        return str(self._message_id) if self._message_id else None

    def send(self, for_id: str, persist: bool = True) -> Self:
        """Show the element with a message that was sent.

        Parameters
        ----------
        for_id:
            The ``id`` of the message.
        persist:
            Has no effect: what a chat shows is stored with it.

        Raises
        ------
        MisuseError
            The call is outside a chat, there is nothing to show, or a limit is exceeded.
        """
        del persist
        self._send(f"{type(self).__name__}.send()", for_id)
        return self

    def update(self) -> Self:
        """Show the element as it is now, in its place.

        A new file has a new ``id``, so whoever has the old address gets no other content.

        Raises
        ------
        MisuseError
            As for `send`, or the element has not been sent.
        """
        used = f"{type(self).__name__}.update()"
        message_id = self._require_sent(used)
        if self._snapshot is not None:
            self._snapshot.renew()
        before, self._data = self._data, None
        if before is not None and before.file is not None:
            self._id = uuid.uuid4()
        self._send(used, str(message_id), before)
        return self

    def remove(self) -> Self:
        """Take the element out of its message. Its file is removed, too.

        One that was not sent, or is gone with its message, stays as it is.

        Raises
        ------
        MisuseError
            The call is outside a chat, or the message is one of another chat.
        """
        used = f"{type(self).__name__}.remove()"
        chat, message_id = running_chat(used), self._message_id
        if message_id is None:
            return self
        if self._chat_id != chat.chat_id:
            chat.refuse_unless_sent(used, message_id)
        elif not chat.has_sent(message_id):
            return self
        chat.transcript.detach(used, message_id, self._id)
        if self._data is not None:
            remove_files(chat, message_id, self._data)
        self._chat_id = self._message_id = self._data = None
        self._id = uuid.uuid4()  # if it is sent again, it is another one
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return the element as Chainlit's dictionary of an element.

        Example
        -------
        >>> Text(name="notes", content="...").to_dict()["type"]
        'text'
        """
        kept = {key: getattr(self, key, None) for key in ("props", "page", "language")}
        return {
            "id": self.id,
            "threadId": self._chat_id,
            "type": self.type,
            "url": self.url,
            "chainlitKey": None,
            "name": self.name,
            "display": self.display,
            "objectKey": None,
            "size": self.size,
            **kept,
            "autoPlay": getattr(self, "auto_play", None),
            "playerConfig": getattr(self, "player_config", None),
            "forId": self.for_id,
            "mime": self.mime,
        }

    @classmethod
    def from_dict(cls, e_dict: Mapping[str, Any]) -> Element:
        """Return a new element of a dictionary such as `to_dict` makes.

        Its kind is that of its ``type``. What cannot be told by ``url``, ``path`` or ``content`` is
        a `File`.

        Example
        -------
        >>> Element.from_dict({"type": "image", "url": "https://example.com/cat.png"}).type
        'image'
        """
        kinds = {vars(it).get("kind"): it for it in Element.__subclasses__()}
        kind = e_dict.get("type")
        keys = _KEYS_OF_KINDS.get(str(kind))
        if keys is None:
            kind, keys = "file", _KEYS
        given = {key: value for key in keys if (value := e_dict.get(key))}
        if not isinstance(given.get("size", ""), str):
            del given["size"]  # of what a user has attached: in bytes
        return kinds[kind](**{keys[key]: value for key, value in given.items()})

    @classmethod
    def infer_type_from_mime(cls, mime_type: str) -> ElementKind:
        """Return the kind of element that shows files of a content type.

        Example
        -------
        >>> Element.infer_type_from_mime("image/png")
        'image'
        """
        if mime_type == "application/pdf":
            return "pdf"
        kinds: tuple[ElementKind, ...] = ("image", "audio", "video")
        return next((kind for kind in kinds if kind in mime_type), "file")

    def _send(self, used: str, for_id: str, before: ElementData | None = None) -> None:
        chat = running_chat(used)
        if for_id in chat.hidden_steps:
            return
        try:
            message_id = chat.steps.get(for_id) or uuid.UUID(for_id)
        except (ValueError, TypeError, AttributeError):
            raise MisuseError(
                f"{used}: for_id is the id of a message, not {for_id!r:.80}."
            ) from None
        chat.refuse_unless_sent(used, message_id)

        earlier = chat.joining.get(message_id)

        def show() -> None:
            try:
                (data,) = store_elements(chat, message_id, [self])
            finally:
                if earlier is not None:
                    wait([earlier])  # they come in the order in which they were sent
            chat.transcript.attach(used, message_id, data, before.id if before else None)
            if before is not None and before.id != data.id:
                remove_files(chat, message_id, before)

        self._save_then(chat.saving, show)
        if self._saving is not None:
            chat.joining[message_id] = self._saving

    def _require_sent(self, used: str) -> uuid.UUID:
        if self._message_id is None:
            raise MisuseError(f"{used} was used on an element that was not sent. Send it first.")
        return self._message_id

    def new_files(self) -> list[NewFile]:
        """Return the files that must be in the store before the element is shown.

        The first one is what it shows.

        Raises
        ------
        MisuseError
            There is nothing to show.
        """
        name = type(self).__name__
        given = [it for it in (self.path, self.url, self.content) if it is not None]
        if len(given) > 1:
            given = [it for it in given if it]  # "" beside a path is no second one
        if len(given) != 1:
            raise MisuseError(f"{name} needs one of path, url and content, and has {len(given)}.")
        if self.url is not None:
            return []
        if self.path is not None:
            if not self.path.is_file():
                raise MisuseError(f"{name}: there is no file at {self.path}.")
            return [NewFile(id=self._id, name=self.name, mime=self.mime, source=self.path)]
        content = self.content
        # Half a character, as of a text that was cut, can be stored by nobody.
        source = content.encode(errors="replace") if isinstance(content, str) else content
        if not isinstance(source, bytes):
            raise MisuseError(
                f"{name} content must be bytes or text, not {type(content).__name__}."
            )
        return [NewFile(id=self._id, name=self.name, mime=self.mime, source=source)]

    def details(self, stored: Sequence[StoredFile]) -> dict[str, Any]:
        """Return what only this kind has, as JSON.

        Parameters
        ----------
        stored:
            What `new_files` returned, as it is in the store.
        """
        del stored
        return {}


def remove_files(chat: ChatContext, message_id: uuid.UUID, element: ElementData) -> None:
    """Remove the files of an element that its message no longer shows."""
    if element.file is not None:
        # A figure has a second picture for dark pages.
        others = [uuid.UUID(element.details["dark"])] if "dark" in element.details else []
        chat.remove_files(message_id, [element.id, *others])


def check_elements(owner: str, elements: Iterable[object]) -> list[Element]:
    """Return the elements of a message or a step as a list of them.

    Raises
    ------
    MisuseError
        There is something else among them.
    """
    if isinstance(elements, Element | str | bytes) or not isinstance(elements, Iterable):
        raise MisuseError(
            f"{owner} elements must be a list, such as [Image(...)], not {type(elements).__name__}."
        )
    checked = []
    for element in elements:
        if not isinstance(element, Element):
            raise MisuseError(
                f"{owner} elements must be a list of elements, such as [Image(...)]. One is "
                f"{type(element).__name__}."
            )
        checked.append(element)
    return checked


def store_elements(
    chat: ChatContext, message_id: uuid.UUID, elements: Sequence[Element]
) -> tuple[ElementData, ...]:
    """Store the files of elements of one message, all at once, and return what it shows.

    An element that the message shows already is not stored again.

    Raises
    ------
    MisuseError
        An element has nothing to show, or a limit is exceeded.
    """
    check_elements("Message", elements)
    if len(elements) > ELEMENTS_PER_MESSAGE:
        raise MisuseError(
            f"A message may have {ELEMENTS_PER_MESSAGE} elements; this one has {len(elements)}. "
            "Send the others with another message."
        )
    here = (chat.chat_id, message_id)
    elements = list(dict.fromkeys(elements))
    new = [it for it in elements if it._data is None or (it._chat_id, it._message_id) != here]
    for element in new:
        if element._chat_id is not None and (element._chat_id, element._message_id) != here:
            element._id = uuid.uuid4()  # the same picture in another message is another element
    files = [element.new_files() for element in new]
    every = [file for those in files for file in those]
    stored = iter(chat.save_files(message_id, every) if every else [])
    for element, those in zip(new, files, strict=True):
        kept = [next(stored) for _ in those]
        element._chat_id, element._message_id = here
        element._data = ElementData(
            id=element._id,
            kind=element.kind,
            name=element.name,
            display=element.display,
            file=kept[0] if kept else None,
            url=element.url,
            details=element.details(kept),
        )
    return tuple(element._data for element in elements if element._data is not None)
