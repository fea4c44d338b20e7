"""Which programs work with the schema; and what is there is indexed again, by more of its words.

Revision ID: 0005
Revises: 0004
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from webapp.chats.titles import make_title
from webapp.database.migrating import Steps

revision = "0005"
down_revision = "0004"

CHATS_AT_ONCE = 200
INDEXES = {
    "ix_chats_session_ended": "chats (session_id, ended_at)",
    "ix_chats_ended_active": "chats (ended_at, active_at)",
    "ix_chats_history": "chats (owner, written, pinned, active_at, id)",
    "ix_chats_history_profile": "chats (owner, profile, written, pinned, active_at, id)",
    "ix_chats_deleted": "chats (deleted_at) WHERE deleted_at IS NOT NULL",
    "ix_chats_expires": "chats (expires_at) WHERE expires_at IS NOT NULL",
    "ix_chats_unindexed": "chats (owner) WHERE unindexed_from IS NOT NULL",
}
CHATS = sa.table(
    "chats",
    sa.column("id", sa.Uuid),
    sa.column("profile", sa.String),
    sa.column("written", sa.Boolean),
    sa.column("active_at", sa.DateTime),
    sa.column("created_at", sa.DateTime),
    sa.column("title", sa.String),
    sa.column("unindexed_from", sa.Integer),
)
MESSAGES = sa.table(
    "messages",
    sa.column("id", sa.Uuid),
    sa.column("chat_id", sa.Uuid),
    sa.column("sequence", sa.Integer),
    sa.column("kind", sa.String),
    sa.column("content", sa.Text),
    sa.column("profile", sa.String),
)
OF_BATCH = sa.bindparam("batch", expanding=True, type_=sa.Uuid)
IN_ORDER = (
    sa.select(CHATS.c.id).where(CHATS.c.id.in_(OF_BATCH)).order_by(CHATS.c.id).with_for_update()
)
# The search index follows behind, from the first message on (`search_index.py`).
FILL_CHATS = (
    sa.update(CHATS)
    .where(CHATS.c.id.in_(IN_ORDER))
    .values(
        active_at=sa.func.coalesce(CHATS.c.active_at, CHATS.c.created_at),
        unindexed_from=sa.case((CHATS.c.written, 0)),
    )
)
FIRST = sa.select(sa.func.min(MESSAGES.c.sequence)).where(
    MESSAGES.c.chat_id == CHATS.c.id, MESSAGES.c.kind == "user"
)
FIRST_QUESTIONS = (
    sa.select(CHATS.c.id, sa.func.substr(MESSAGES.c.content, 1, 2_000).label("content"))
    .join(MESSAGES, MESSAGES.c.chat_id == CHATS.c.id)
    .where(
        CHATS.c.id.in_(OF_BATCH),
        CHATS.c.written,
        CHATS.c.title.is_(None),
        MESSAGES.c.sequence == FIRST.correlate(CHATS).scalar_subquery(),
    )
)
NAME = (
    sa.update(CHATS)
    .where(CHATS.c.id == sa.bindparam("chat", type_=sa.Uuid), CHATS.c.title.is_(None))
    .values(title=sa.bindparam("made"))
)
# Before the third version a chat had one profile.
UNSTAMPED = (
    sa.select(MESSAGES.c.id)
    .join(CHATS, CHATS.c.id == MESSAGES.c.chat_id)
    .where(CHATS.c.id.in_(OF_BATCH), CHATS.c.profile.is_not(None), MESSAGES.c.profile.is_(None))
    .order_by(MESSAGES.c.chat_id, MESSAGES.c.sequence)
    .with_for_update(of=MESSAGES)
)
STAMP = (
    sa.update(MESSAGES)
    .where(MESSAGES.c.id.in_(UNSTAMPED))
    .values(
        profile=sa.select(CHATS.c.profile).where(CHATS.c.id == MESSAGES.c.chat_id).scalar_subquery()
    )
)


def prepare(steps: Steps) -> None:
    for name, on in INDEXES.items():
        steps.make_index(name, on)
    steps.drop_index("ix_chats_owner_written")
    chats = [row.id for row in steps.run(sa.select(CHATS.c.id).order_by(CHATS.c.id))]
    for start in range(0, len(chats), CHATS_AT_ONCE):
        which = {"batch": chats[start : start + CHATS_AT_ONCE]}
        titles: list[dict[str, Any]] = [
            {"chat": row.id, "made": make_title(row.content)}
            for row in steps.run(FIRST_QUESTIONS, which)
        ]
        if titles:
            steps.run(NAME, titles)
        steps.run(STAMP, which)
        steps.run(FILL_CHATS, which)


def upgrade() -> None:
    table = op.create_table(
        "schema_compatibility", sa.Column("oldest_program", sa.String(32), primary_key=True)
    )
    op.bulk_insert(table, [{"oldest_program": revision}])


def downgrade() -> None:
    op.drop_table("schema_compatibility")
