"""The page of an element, and the panel beside the chat that shows one."""

from __future__ import annotations

from dataclasses import replace

from flask import render_template, url_for

from webapp.authoring.chat_message import ElementData
from webapp.authoring.elements.texts import decode_text
from webapp.authoring.text import clean_text
from webapp.database.engines import release_connection
from webapp.elements.found_elements import FoundElement
from webapp.files.contents import FilesUnavailableError
from webapp.files.store import file_store
from webapp.pages.chat_addresses import addresses_of
from webapp.pages.message_actions import build_actions
from webapp.pages.participants import build_participants

# So much of a text is shown on its page. All of it is in its file.
WHOLE_BYTES = 1_000_000


def show_element(found: FoundElement, *, in_panel: bool) -> str:
    """Show an element on a page of its own, or as the content of the panel beside its chat.

    What an app has put into the panel together is shown together.
    """
    participants = build_participants((), is_imported=found.is_imported)
    release_connection()
    sidebar = found.details.get("sidebar")
    elements = found.elements if sidebar else (found.element,)
    if found.share:
        back = url_for("sharing.view", token=found.share)
    else:
        back = url_for("chats.show", chat_id=found.chat_id, _anchor=f"said-{found.message_id}")
    return render_template(
        "elements/_panel.html" if in_panel else "elements/page.html",
        element=found.element,
        elements=elements,
        texts={element.id: _whole_text(element) for element in elements},
        title=(sidebar or {}).get("title") or found.element.name,
        message_id=found.message_id,
        participants=replace(participants, share=found.share),
        # Whether the chat can still be continued shows when a button is pressed.
        actions=None if found.share else build_actions(addresses_of(found.chat_id), None),
        back=back,
    )


def _whole_text(element: ElementData) -> str | None:
    """Return the text of an element of which its message has the beginning only."""
    if element.file is None or not element.details.get("is_cut"):
        return None
    most = min(element.file.size, WHOLE_BYTES)
    try:
        content = b"".join(file_store().read(element.file.sha256, 0, most))
    except (FilesUnavailableError, FileNotFoundError):
        return None  # the beginning is shown, with a link to the rest
    return clean_text(decode_text(content))
