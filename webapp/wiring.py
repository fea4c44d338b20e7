"""Which room hears which signal, and which functions of higher rooms the lower ones may call."""

from __future__ import annotations

from flask import Flask

from webapp.authoring.loading.app_file import ChatApp
from webapp.chats import deletion
from webapp.chats.file_sweep import set_up_sweep, sweep_if_due
from webapp.chats.search_index import index_pending
from webapp.config.settings import Settings
from webapp.files.store import set_up_files
from webapp.files.temporary import delete_temporary_files
from webapp.history import deletion_job
from webapp.pages import recovered_text
from webapp.profiles import last_choice, offer
from webapp.signals import removing_user, session_ended, user_removed
from webapp.site import Hooks, set_up_site
from webapp.turns import ending
from webapp.turns.objects.forgetting import forget_objects
from webapp.turns.settings import defaults
from webapp.user_keys import entered
from webapp.web.housekeeping import set_up_housekeeping
from webapp.web.uploads.slots import set_up_upload_slots


def wire_rooms(app: Flask, settings: Settings, chat_app: ChatApp | None = None) -> None:
    """Set up ``app`` for serving pages or running commands, and connect its rooms."""
    hooks = Hooks(
        count_chats=deletion.count_chats,
        top_bar=offer.top_bar,
        keep_text_of_signed_out=recovered_text.keep_text_of_signed_out,
        keep_text_of_old_form=recovered_text.keep_text_of_old_form,
        takes_uploads=offer.takes_uploads,
        entered_keys=entered.entered_keys,
    )
    set_up_site(app, settings, chat_app, hooks)
    set_up_files(app, settings)
    set_up_upload_slots(app)
    removing_user.connect(app, deletion.hide_chats_of_user)
    removing_user.connect(app, last_choice.forget_choice_of_user)
    removing_user.connect(app, defaults.forget_defaults_of_user)
    user_removed.connect(app, deletion.delete_chats_of_user)
    session_ended.connect(app, ending.end_chats_of_session)
    jobs = {
        "end_lost_turns": ending.end_lost_turns,
        "delete_chats": deletion_job.delete_for_good,
        "end_idle_chats": ending.end_idle_chats,
        "index_messages": index_pending,
        "forget_objects": forget_objects,
        "delete_temporary_files": delete_temporary_files,
        "sweep_files": sweep_if_due,
    }
    set_up_sweep(app)
    set_up_housekeeping(app, jobs)
