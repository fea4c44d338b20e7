"""The values that an app file makes: chat profiles, starters, uploads and users."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, asdict, dataclass, field, fields
from typing import Any, Literal, Self, get_args

from webapp.authoring.errors import MisuseError, refuse_unknown_arguments
from webapp.authoring.overrides.config_overrides import (
    PUBLIC,
    ChainlitConfigOverrides,
    SpontaneousFileUploadFeature,
    read_overrides,
)
from webapp.authoring.text import clean_text, is_visible

NAME_LIMIT = 200
# Every page that offers the profile holds the text, about six times as long in HTML.
DESCRIPTION_LIMIT = 100_000
IDENTIFIER_LIMIT = 255
KEEP_DAYS_LIMIT = 36_500
EVERY_TYPE = "*/*"
# What `accept` of an HTML file field takes, too.
_ENDING = re.compile(r"\.[\w+-]+(?:\.[\w+-]+)*")
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/(?:\*|[a-z0-9][a-z0-9!#$&^_.+-]*)", re.ASCII)
_ACCEPT_HELP = 'such as ["image/*", "application/pdf", ".csv"]'

# What an icon begins with. A command of that name would be a mistake.
_ICON_STARTS = ("/public/", "public/", "http://", "https://")

# Which steps users see: all, only those of type "tool", or none.
Cot = Literal["full", "tool_call", "hidden"]


@refuse_unknown_arguments
@dataclass(frozen=True)
class Starter:
    """A suggested first message.

    Parameters
    ----------
    label:
        The text of the button on the page.
    message:
        The message that is sent when a user picks it.
    command:
        What `@on_message` gets as ``message.command``; optional.
    icon:
        A URL, or a file under ``/public``; optional.

    Raises
    ------
    MisuseError
        An argument has the wrong type or is unknown, or a text is empty.

    Example
    -------
    >>> Starter(label="Plan a trip", message="Help me plan a weekend in Rome.").label
    'Plan a trip'
    """

    label: str
    message: str
    command: str | None = None
    icon: str | None = None

    def __post_init__(self) -> None:
        _clean_texts(self)
        _require_text("Starter", "label", self.label)
        _require_text("Starter", "message", self.message)
        _require_optional_text("Starter", "command", self.command)
        _require_optional_text("Starter", "icon", self.icon)
        if self.command and self.command.startswith(_ICON_STARTS):
            raise MisuseError(
                f"Starter {self.label[:40]!r}: the third argument is the command. Write "
                f"icon={self.command[:80]!r}."
            )


@refuse_unknown_arguments
@dataclass(frozen=True)
class StarterCategory:
    """Suggested first messages under one heading, which opens them.

    Parameters
    ----------
    label:
        The heading.
    icon:
        A URL, or a file under ``/public``; optional.
    starters:
        A list of `Starter`.

    Raises
    ------
    MisuseError
        An argument has the wrong type or is unknown, or the label is empty.

    Example
    -------
    >>> StarterCategory("Travel", starters=[Starter("Plan a trip", "Help me plan it.")]).label
    'Travel'
    """

    label: str
    icon: str | None = None
    starters: Sequence[Starter] = ()

    def __post_init__(self) -> None:
        _clean_texts(self)
        _require_text("StarterCategory", "label", self.label)
        _require_optional_text("StarterCategory", "icon", self.icon)
        if not _is_list_of_starters(self.starters):
            raise _wrong_type("StarterCategory", "starters", "a list of Starter")


@refuse_unknown_arguments
@dataclass(frozen=True)
class Uploads:
    """Which files users may attach to a message.

    Parameters
    ----------
    accept:
        Content types, such as ``"image/*"`` or ``"application/pdf"``, and endings of names, such
        as ``".csv"``. A file must be of one of them. ``None`` accepts every file. A dict of content
        types, each with a list of endings, counts as a list of both.
    max_files:
        The most files in one message. ``None`` means as many as ``WEBAPP_FILES_PER_MESSAGE``
        allows, which is also the most that counts.
    max_megabytes:
        The most megabytes (1,048,576 bytes) in one file. ``None`` means ``WEBAPP_FILE_BYTES``,
        which is also the most that counts.

    Raises
    ------
    MisuseError
        A type is malformed, or a number is below 1.

    Example
    -------
    >>> Uploads(accept=["image/*", ".PDF"], max_files=3).accept
    ('image/*', '.pdf')
    """

    accept: Sequence[str] | Mapping[str, Sequence[str]] | None = None
    max_files: int | None = None
    max_megabytes: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "accept", _clean_accept(self.accept))
        files: object = self.max_files
        is_whole = isinstance(files, int) and not isinstance(files, bool)
        if files is not None and not (is_whole and self.max_files and self.max_files >= 1):
            raise MisuseError("max_files of uploads must be a whole number from 1 up, or None.")
        size: object = self.max_megabytes
        is_number = isinstance(size, int | float) and not isinstance(size, bool)
        if size is not None and not (is_number and 0 < float(self.max_megabytes or 0) < 1e6):
            raise MisuseError("max_megabytes of uploads must be a number above 0, or None.")

    @property
    def types(self) -> tuple[str, ...]:
        """Return the types and endings, of which a file must have one; none if all are accepted."""
        return tuple(self.accept or ())


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
        _clean_texts(self)
        _require_text("ChatProfile", "name", self.name)
        if len(self.name) > NAME_LIMIT:
            raise MisuseError(
                f"ChatProfile name {self.name[:40]!r}... is longer than {NAME_LIMIT} characters; "
                "keep the name short and put the long text into markdown_description."
            )
        description: object = self.markdown_description
        if not isinstance(description, str):
            raise _wrong_type("ChatProfile", "markdown_description", "text")
        if len(description) > DESCRIPTION_LIMIT:
            raise MisuseError(
                f"ChatProfile {self.name[:40]!r}: markdown_description has {len(description):,} "
                f"characters and may have {DESCRIPTION_LIMIT:,}; link to the long text instead."
            )
        _require_optional_text("ChatProfile", "icon", self.icon)
        _require_optional_text("ChatProfile", "display_name", self.display_name)
        if not isinstance(self.default, bool):
            raise _wrong_type("ChatProfile", "default", "True or False")
        if self.starters is not None and not _is_list_of_starters(self.starters):
            raise _wrong_type("ChatProfile", "starters", "a list of Starter, or None")
        days: object = self.keep_days
        # A bool is an int to Python.
        is_whole = isinstance(days, int) and not isinstance(days, bool)
        if days is not None and not (is_whole and days in range(1, KEEP_DAYS_LIMIT + 1)):
            raise MisuseError(
                f"ChatProfile {self.name[:40]!r}: keep_days must be a whole number of days from 1 "
                f"to {KEEP_DAYS_LIMIT:,}, or None to keep its chats for good."
            )
        if self.config_overrides is not None:
            self._read_overrides()
        if self.cot is not None and self.cot not in get_args(Cot):
            raise _wrong_type("ChatProfile", "cot", '"full", "tool_call", "hidden" or None')
        uploads: object = self.uploads
        if uploads is not None and not isinstance(uploads, Uploads | bool):
            raise _wrong_type("ChatProfile", "uploads", "an Uploads, True, False or None")

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
    def allows_editing(self) -> bool:
        """Whether users may edit what they have written in its chats."""
        return self._override("features", "edit_message") is not False

    def _override(self, section: str, name: str) -> Any:
        return getattr(getattr(self.config_overrides, section, None), name, None)

    def _read_overrides(self) -> None:
        overrides = read_overrides(self.name, self.config_overrides)
        object.__setattr__(self, "config_overrides", overrides)
        if self.cot is None:
            object.__setattr__(self, "cot", self._override("ui", "cot"))
        files = self._override("features", "spontaneous_file_upload")
        if self.uploads is None and files is not None:
            object.__setattr__(self, "uploads", _uploads_of(files))


@refuse_unknown_arguments
@dataclass(eq=False)
class User:
    """A user who is signed in.

    Parameters
    ----------
    identifier:
        A name that is unique in this app, at most 255 characters.
    display_name:
        The name on the page; the identifier if you leave it out.
    metadata:
        Any JSON, for example ``{"role": "ADMIN"}``.

    Raises
    ------
    MisuseError
        The identifier is empty or too long, or the metadata is not a dict.

    Example
    -------
    >>> User(identifier="admin", metadata={"role": "ADMIN"}).metadata["role"]
    'ADMIN'
    """

    identifier: str
    display_name: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _clean_texts(self)
        _require_text("User", "identifier", self.identifier)
        if len(self.identifier) > IDENTIFIER_LIMIT:
            raise MisuseError(f"User identifier is longer than {IDENTIFIER_LIMIT} characters.")
        _require_optional_text("User", "display_name", self.display_name)
        if not isinstance(self.metadata, dict):
            raise _wrong_type("User", "metadata", "a dict")

    def __eq__(self, other: object) -> bool:
        """Return whether they are the same to an app, whatever else is known of one of them."""
        return isinstance(other, User) and _what_a_user_is(self) == _what_a_user_is(other)

    # Its metadata may change.
    __hash__ = None  # type: ignore[assignment]

    def to_dict(self) -> dict[str, Any]:
        """Return the user as a dictionary."""
        values: dict[str, Any] = asdict(self)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the user of a dictionary that `to_dict` made."""
        names = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in names})


@dataclass
class _Persisted:
    id: str
    createdAt: str  # noqa: N815 - the name that Chainlit has


@refuse_unknown_arguments
@dataclass(eq=False)
class PersistedUser(User, _Persisted):
    """A user who is signed in, with an id and a time: what ``user_session.get("user")`` is.

    Parameters
    ----------
    id:
        The id of the user. It is made of the identifier, unless your callback returns another.
    createdAt:
        When the user was made known, in ISO 8601. If your callback does not say, the time of the
        sign-in.
    identifier, display_name, metadata:
        As of a `User`.

    Example
    -------
    >>> PersistedUser(id="7", createdAt="2026-01-01T00:00:00Z", identifier="admin").id
    '7'
    """


def _what_a_user_is(user: User) -> tuple[object, ...]:
    return user.identifier, user.display_name, user.metadata


def _clean_texts(instance: object) -> None:
    # By the rule for text from browsers, so that a name equals itself when it comes back from a
    # form, and both databases can store it.
    for name, value in vars(instance).items():
        if isinstance(value, str):
            object.__setattr__(instance, name, clean_text(value))


def _require_text(owner: str, name: str, value: object) -> None:
    if not isinstance(value, str):
        raise _wrong_type(owner, name, "text")
    if not is_visible(value):
        raise MisuseError(f"{owner} has an empty {name}; give it some text that can be seen.")


def _require_optional_text(owner: str, name: str, value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise _wrong_type(owner, name, "text or None")


def _wrong_type(owner: str, name: str, wanted: str) -> MisuseError:
    return MisuseError(f"{owner} {name} must be {wanted}.")


def _is_list_of_starters(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, Starter) for item in value)


def _uploads_of(feature: object) -> Uploads | bool | None:
    if isinstance(feature, bool):
        return feature
    if not isinstance(feature, SpontaneousFileUploadFeature):
        raise MisuseError(
            "config_overrides.features.spontaneous_file_upload must be a "
            "SpontaneousFileUploadFeature, a dict, True, False or None."
        )
    if feature.enabled is False:
        return False
    rules = (feature.accept, feature.max_files, feature.max_size_mb)
    if rules == (None, None, None):
        return feature.enabled
    return Uploads(feature.accept, feature.max_files, feature.max_size_mb)


def _clean_accept(accept: Any) -> tuple[str, ...] | None:
    if accept is None:
        return None
    if isinstance(accept, Mapping):
        endings = [ending for each in accept.values() for ending in each or ()]
        accept = [*accept, *endings]
    if not isinstance(accept, list | tuple) or not all(isinstance(each, str) for each in accept):
        raise MisuseError(f"accept of uploads must be a list of content types, {_ACCEPT_HELP}.")
    cleaned = tuple(dict.fromkeys(each.strip().lower() for each in accept))
    for each in cleaned:
        if not (each == EVERY_TYPE or _ENDING.fullmatch(each) or _TYPE.fullmatch(each)):
            raise MisuseError(
                f"accept of uploads holds {each!r:.80}, which is neither a content type nor an "
                f"ending with its dot; write {_ACCEPT_HELP}."
            )
    if not cleaned:
        raise MisuseError(
            "accept of uploads is empty, so no file could be attached; leave it out to accept "
            "every file, or leave uploads off."
        )
    return None if EVERY_TYPE in cleaned else cleaned
