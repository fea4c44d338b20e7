"""The pictures that a button or a command can have, by Chainlit's names for them (lucide.dev)."""

from __future__ import annotations

_NAMES = {
    "again": "refresh-cw rotate-cw rotate-ccw repeat redo",
    "bolt": "zap",
    "bot": "bot bot-message-square",
    "brain": "brain brain-circuit brain-cog",
    "bulb": "lightbulb",
    "sliders": "settings settings-2 sliders sliders-horizontal",
    "sparkles": "sparkles sparkle wand-sparkles wand",
    "alert": "triangle-alert alert-triangle circle-alert",
    "bin": "trash trash-2",
    "check": "check circle-check check-check",
    "clip": "paperclip",
    "close": "x circle-x",
    "comment": "message-square message-circle",
    "down": "arrow-down",
    "download": "download",
    "edit": "pencil edit pen pen-line square-pen",
    "globe": "globe earth",
    "image": "image picture",
    "file": "file file-text",
    "leave": "log-out",
    "link": "link",
    "list": "list",
    "page": "external-link",
    "person": "user",
    "pin": "pin",
    "play": "play circle-play",
    "plus": "plus circle-plus",
    "search": "search",
    "send": "send arrow-up",
    "share": "share share-2",
    "stop": "square circle-stop",
    "thumb-down": "thumbs-down",
    "thumb-up": "thumbs-up",
}
# The name of a glyph in templates/_pictures.html, by the name of an icon.
ACTION_GLYPHS = {icon: glyph for glyph, icons in _NAMES.items() for icon in icons.split()}
