"""`ChatProfile`: a way to chat that a user may choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, get_args

from webapp.authoring.arguments import (
    check_bool,
    check_optional_text,
    check_text,
    clean_texts,
    is_whole,
    wrong_type,
)
from webapp.authoring.errors import MisuseError, refuse_unknown_arguments
from webapp.authoring.overrides.config_overrides import (
    PUBLIC,
    ChainlitConfigOverrides,
    Cot,
    read_overrides,
)
from webapp.authoring.profiles.starters import Starter, is_list_of_starters
from webapp.authoring.uploads.uploads import Uploads, read_upload_feature

NAME_LIMIT = 200
# Every page that offers the profile holds the text, about six times as long in HTML.
DESCRIPTION_LIMIT = 100_000
KEEP_DAYS_LIMIT = 36_500


@refuse_unknown_arguments
@dataclass(frozen=True)
class ChatProfile:
    """A chat profile that a user may choose.

    Parameters
    ----------
    name:
        The identity of the profile. Callbacks get it from
        ``user_session.get("chat_profile")``. 1 to 200 characters, unique in the list.
    markdown_description:
        What the profile is good for, as Markdown, at most 100,000 characters. Users see it before
        they choose.
    icon:
        A URL, or a file in ``public/`` beside the app file, written ``/public/name.svg``.
        Without an icon, the page shows the first letter of the label.
    display_name:
        The label on the page; the name if you leave it out.
    default:
        Whether it is chosen for users who have not chosen yet. The first of several wins.
    starters:
        Suggested first messages. ``None`` means those of `set_starters`, ``[]`` none at all.
    config_overrides:
        What is different under this profile, by Chainlit's names: a `ChainlitConfigOverrides`, or a
        dict. An argument of the profile itself, such as ``cot``, counts before it.
    keep_days:
        How many days its chats are kept after their last message, from 1 to 36,500. Then
        ``chat-profiles purge`` removes them. ``None`` keeps them for good.
    cot:
        Which steps users see with it: ``"full"``, ``"tool_call"`` or ``"hidden"``. ``None`` means
        what `set_cot` says.
    uploads:
        Which files users may attach in its chats: an `Uploads`, ``True`` for every file, or
        ``False`` for none. ``None`` means what `set_uploads` says, or none.

    Raises
    ------
    MisuseError
        An argument has the wrong type or is unknown, a text is empty or too long, or a number is
        out of range.

    Example
    -------
    >>> ChatProfile(name="GPT-4", markdown_description="The model is **GPT-4**.").name
    'GPT-4'

    The documentation page this follows is "Chat Profiles" of the Chainlit guide.
    """

    name: str
    markdown_description: str
    icon: str | None = None
    display_name: str | None = None
    default: bool = False
    starters: Sequence[Starter] | None = None
    config_overrides: ChainlitConfigOverrides | Mapping[str, Any] | None = field(
        default=None, compare=False
    )
    _: KW_ONLY
    keep_days: int | None = None
    cot: Cot | None = None
    uploads: Uploads | bool | None = None

    def __post_init__(self) -> None:
        clean_texts(self)
        check_text("ChatProfile name", self.name)
        if len(self.name) > NAME_LIMIT:
            raise MisuseError(
                f"ChatProfile name {self.name[:40]!r}... is longer than {NAME_LIMIT} characters; "
                "keep the name short and put the long text into markdown_description."
            )
        description = check_text(
            "ChatProfile markdown_description", self.markdown_description, empty=True
        )
        if len(description) > DESCRIPTION_LIMIT:
            raise MisuseError(
                f"ChatProfile {self.name[:40]!r}: markdown_description has {len(description):,} "
                f"characters and may have {DESCRIPTION_LIMIT:,}; link to the long text instead."
            )
        check_optional_text("ChatProfile icon", self.icon)
        check_optional_text("ChatProfile display_name", self.display_name)
        check_bool("ChatProfile default", self.default)
        if self.starters is not None and not is_list_of_starters(self.starters):
            raise wrong_type("ChatProfile starters", "a list of Starter, or None")
        days: object = self.keep_days
        if days is not None and not (is_whole(days) and 1 <= days <= KEEP_DAYS_LIMIT):
            raise MisuseError(
                f"ChatProfile {self.name[:40]!r}: keep_days must be a whole number of days from 1 "
                f"to {KEEP_DAYS_LIMIT:,}, or None to keep its chats for good."
            )
        if self.config_overrides is not None:
            overrides = read_overrides(self.name, self.config_overrides)
            object.__setattr__(self, "config_overrides", overrides)
            if self.cot is None:
                object.__setattr__(self, "cot", self._override("ui", "cot"))
            files = self._override("features", "spontaneous_file_upload")
            if self.uploads is None and files is not None:
                object.__setattr__(self, "uploads", read_upload_feature(files))
        if self.cot is not None and self.cot not in get_args(Cot):
            raise wrong_type("ChatProfile cot", '"full", "tool_call", "hidden" or None')
        uploads: object = self.uploads
        if uploads is not None and not isinstance(uploads, Uploads | bool):
            raise wrong_type("ChatProfile uploads", "an Uploads, True, False or None")

    @property
    def site_name(self) -> str | None:
        """The name of the site under this profile, if it has one of its own."""
        return self._override("ui", "name") or None

    @property
    def site_description(self) -> str | None:
        """What its page says of itself to programs, such as those that find pages."""
        return self._override("ui", "description") or None

    @property
    def theme(self) -> str | None:
        """The colours of its page, ``"light"`` or ``"dark"``, if they are fixed."""
        return self._override("ui", "default_theme") or None

    @property
    def layout(self) -> str | None:
        """The width of its chats, ``"wide"`` or ``"default"``, if it is given."""
        return self._override("ui", "layout") or None

    @property
    def stylesheet(self) -> str | None:
        """The path of its own style sheet under ``/public``, if it has one."""
        path: str = self._override("ui", "custom_css") or ""
        return path if path.startswith(PUBLIC) else None

    @property
    def allows_editing(self) -> bool | None:
        """Whether users may edit what they have written in its chats; ``None`` as elsewhere."""
        edits = self._override("features", "edit_message")
        return None if edits is None else edits is not False

    def _override(self, section: str, name: str) -> Any:
        return getattr(getattr(self.config_overrides, section, None), name, None)
