"""The globals and filters of all templates."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from flask import Flask, g, has_request_context
from werkzeug.local import LocalProxy

from webapp.accounts.login import viewer
from webapp.authoring.chat_message import ERROR, ChatMessage, ElementData
from webapp.authoring.inputs.message_choices import chosen_now
from webapp.authoring.inputs.toasts import fresh_toasts
from webapp.authoring.loading.app_file import ChatApp
from webapp.authoring.questions.question import seconds_left, time_left
from webapp.authoring.steps.details import (
    read_step,
    read_task_list,
    shown_input,
    shown_output,
    shown_status,
    shown_time,
)
from webapp.authoring.text import as_code_block
from webapp.clock import viewer_clock
from webapp.config.settings import Settings
from webapp.files.upload_rules import rules_of_question
from webapp.history import sidebar
from webapp.markdown.budget import PageBudget, SlowTexts
from webapp.markdown.descriptions import description_html, description_links, summary_html
from webapp.markdown.footnotes import footnote_name
from webapp.markdown.messages import message_html
from webapp.markdown.typed import typed_html
from webapp.profiles import icons
from webapp.profiles.missing_files import set_up_missing_files
from webapp.template_syntax import Inline, WithoutIndentation
from webapp.web import assets
from webapp.web.log import shown_error

# How much HTML is kept: of pictures beside names, and of options of the profile selector.
PICTURES_KEPT = 1_000
OPTIONS_KEPT = 500
FENCE = "~~~~~~~~"  # longer than what an author's line is likely to have


# A longer message of the user is folded.
CHARACTERS_SHOWN = 2_000
LINES_SHOWN = 24


def _is_long(message: ChatMessage) -> bool:
    text = message.content
    return len(text) > CHARACTERS_SHOWN or text.count("\n") >= LINES_SHOWN


def _detail_for_author(app: Flask, message: ChatMessage) -> str:
    """Return what failed, as Markdown; nothing outside of development."""
    detail = shown_error(app, message.content) if message.kind == ERROR else ""
    return f"\n\n{FENCE}text\n{detail}\n{FENCE}" if detail else ""


def _markdown_of(element: ElementData, text: str) -> str:
    language = element.details.get("language")
    return as_code_block(text, language) if language else text


def _detail_filters(
    page_budget: Callable[[], PageBudget], settings: Settings
) -> dict[str, Callable[..., Any]]:
    return {
        "step_details": read_step,
        "step_status": shown_status,
        "step_time": lambda step: "" if step.seconds is None else shown_time(step.seconds),
        # It has other footnotes than the output.
        "input_html": lambda step, message_id: message_html(
            shown_input(step), page_budget(), f"0{footnote_name(message_id)}"
        ),
        "output_html": lambda message: message_html(
            shown_output(message), page_budget(), footnote_name(message.id)
        ),
        "task_list": read_task_list,
        "text_html": lambda element, whole: message_html(
            _markdown_of(element, whole or element.details.get("text", "")),
            page_budget(),
            footnote_name(element.id),
        ),
        "seconds_left": seconds_left,
        "time_left": time_left,
        "file_rules": lambda question: rules_of_question(question, settings),
    }


def _page_budget(slow: SlowTexts) -> PageBudget:
    # A stream goes on after its request, and renders one message at a time.
    if not has_request_context():
        return PageBudget(slow)
    if "markdown_budget" not in g:
        g.markdown_budget = PageBudget(slow)
    budget: PageBudget = g.markdown_budget
    return budget


def set_up_windows(app: Flask, settings: Settings, chat_app: ChatApp) -> None:
    """Let templates show what the page around a chat sends, and gets."""
    origins = " ".join(settings.frame_ancestors)
    hears = bool(origins) and chat_app.get("on_window_message") is not None
    app.jinja_env.globals.update(window_origins=origins, hears_windows=hears)
    app.jinja_env.filters.update(json_text=json.dumps, fresh_toasts=fresh_toasts)


def set_up_templates(app: Flask, settings: Settings, chat_app: ChatApp) -> None:
    """Give the templates of ``app`` their globals and filters."""
    page_budget = partial(_page_budget, SlowTexts())
    app.jinja_env.add_extension(WithoutIndentation)
    app.jinja_env.add_extension(Inline)
    app.jinja_env.globals.update(
        site_name=settings.site_name or "Chat Profiles",
        login_on=chat_app.login_on,
        sharing_on=settings.sharing,
        message_bytes=settings.message_bytes,
        chosen_now=chosen_now,
        switches_here=chat_app.switches_here,
        # Looked up only where a template uses it: error pages must not need a session.
        viewer=LocalProxy(viewer),
        asset=assets.asset,
        page_headers=icons.page_headers,
        theme_url=partial(assets.theme_url, chat_app.public_folder),
        # The sidebar of each page. The chats do not know the history, so templates ask for it.
        newest_history=sidebar.newest_history,
        profile_finder=sidebar.profile_finder,
        find_deleted_chat=sidebar.find_deleted_chat,
        today=sidebar.today,
    )
    app.jinja_env.filters.update(
        description_html=lambda profile: description_html(profile.markdown_description),
        summary_html=lambda profile: summary_html(profile.markdown_description),
        links_of=lambda profile: description_links(profile.markdown_description),
        content_html=lambda message: message_html(
            message.content + _detail_for_author(app, message),
            page_budget(),
            footnote_name(message.id),
        ),
        typed_html=lambda message: typed_html(message.content, page_budget()),
        link_host=lambda url: (icons.find_origin(url) or "").partition("://")[2],
        is_long=_is_long,
        icon_src=icons.icon_src,
        action_glyph=set_up_missing_files(app, chat_app).find_glyph,
        initial=icons.initial,
        label=icons.label,
        day=lambda time, **how: viewer_clock().short_day(time, **how),
        exact=lambda time: viewer_clock().exact(time),
        iso=lambda time: time.isoformat(timespec="seconds").replace("+00:00", "Z"),
    )
    app.jinja_env.filters.update(_detail_filters(page_budget, settings))
    # Loaded once: an import in each template would cost a context for each picture.
    pictures: Any = app.jinja_env.get_template("_pictures.html").module
    texts: Any = app.jinja_env.get_template("_texts.html").module
    # These depend on their arguments alone, so the same ones give the same HTML, whoever asks.
    app.jinja_env.globals.update(
        glyph=lru_cache(pictures.glyph), picture=lru_cache(PICTURES_KEPT)(pictures.picture)
    )
    option: Any = app.jinja_env.get_template("profiles/_option.html").module
    app.jinja_env.globals.update(
        icon=pictures.icon,
        profile_option=lru_cache(OPTIONS_KEPT)(option.option),
        moment=texts.moment,
        sentence=texts.sentence,
    )
