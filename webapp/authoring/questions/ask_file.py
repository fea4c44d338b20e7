"""`AskFileMessage`: a question that is answered with files."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.authoring.chat_message import ElementData
from webapp.authoring.context import ChatContext
from webapp.authoring.errors import refuse_unknown_arguments
from webapp.authoring.messages.message import ASSISTANT_MESSAGE
from webapp.authoring.questions.ask_message import AskMessage
from webapp.authoring.questions.question import ANSWERED, Outcome
from webapp.authoring.uploads.uploads import Uploads


@dataclass(kw_only=True)
class AskFileResponse:
    """A file that the user has sent.

    Attributes
    ----------
    path:
        A local copy. You may read and change it while the callback runs.
    size:
        In bytes.
    type:
        Its content type, by its content and its name.
    """

    id: str
    name: str
    path: str
    size: int
    type: str


@refuse_unknown_arguments
class AskFileMessage(AskMessage[list[AskFileResponse]]):
    """A question that the user answers with files.

    Parameters
    ----------
    content:
        What you ask, in Markdown.
    accept:
        Content types, such as ``"text/plain"`` or ``"image/*"``, and endings, such as ``".py"``. A
        dict of content types, each with a list of endings, counts as a list of both.
    max_size_mb:
        The most megabytes in one file, within the limit of the site.
    max_files:
        The most files, within the limit of the site.
    author:
        Who asks. If you leave it out, the chat profile or the app.
    type:
        What Chainlit calls its kind. It changes nothing here.
    timeout:
        How many seconds the user has.
    raise_on_timeout:
        Whether ``send()`` raises a ``TimeoutError`` when they are over. It returns ``None``
        otherwise.

    Example
    -------
    ::

        files = await cl.AskFileMessage(
            content="Please send me a text.", accept=["text/plain"], max_size_mb=5
        ).send()
        if files:
            text = Path(files[0].path).read_text()
            await cl.Message(content=f"{files[0].name} has {len(text)} characters.").send()
    """

    kind = "file"
    _reads_files = True

    # All that Chainlit's has, in its order.
    def __init__(  # noqa: PLR0913, PLR0917
        self,
        content: object,
        accept: Sequence[str] | Mapping[str, Sequence[str]],
        max_size_mb: float = 2,
        max_files: int = 1,
        author: str | None = None,
        type: str = ASSISTANT_MESSAGE,  # noqa: A002 - the name that Chainlit has
        timeout: float = 90,
        raise_on_timeout: bool = False,
    ) -> None:
        super().__init__(content, author, timeout, raise_on_timeout=raise_on_timeout)
        self._uploads = Uploads(accept=accept, max_files=max_files, max_megabytes=max_size_mb)
        self.accept, self.max_size_mb, self.max_files = accept, max_size_mb, max_files
        self.type = type

    def _offers(self, message_id: uuid.UUID) -> Mapping[str, Any]:
        del message_id
        return {
            "accept": list(self._uploads.types),
            "max_size_mb": self.max_size_mb,
            "max_files": self.max_files,
        }

    def _read(self, chat: ChatContext, outcome: Outcome) -> list[AskFileResponse] | None:
        if outcome.status != ANSWERED:
            return None
        elements = [ElementData.from_json(file) for file in outcome.answer["files"]]
        paths = chat.fetch_files(elements)
        return [
            AskFileResponse(
                id=str(element.id),
                name=element.name,
                path=str(paths[element.id]),
                size=element.file.size,
                type=element.file.mime,
            )
            for element in elements
            if element.file is not None and element.id in paths
        ]
