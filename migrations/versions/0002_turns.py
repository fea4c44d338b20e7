"""Turns: the runs of the author's code in a chat.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

from webapp.database.later_indexes import create_index

revision = "0002"
down_revision = "0001"

LOCKS = ("chats", "messages")


def upgrade() -> None:
    op.create_table(
        "turns",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column(
            "chat_id",
            sa.Uuid,
            sa.ForeignKey("chats.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("owner", sa.String(263), nullable=False),
        sa.Column("key", sa.Uuid, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("question_id", sa.Uuid),
        sa.Column("first_sequence", sa.Integer, nullable=False),
        sa.Column("stop_asked", sa.Boolean, nullable=False),
        sa.Column("retried", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("seen_at", sa.DateTime, nullable=False),
        sa.Column("ended_at", sa.DateTime),
        sa.UniqueConstraint("chat_id", "key"),
        sa.Index("ix_turns_owner_status", "owner", "status"),
        sa.Index("ix_turns_status_seen", "status", "seen_at"),
    )
    # Without constraints, so that SQLite need not copy the tables.
    op.add_column("messages", sa.Column("turn_id", sa.Uuid))
    op.add_column("chats", sa.Column("active_at", sa.DateTime))
    op.add_column("chats", sa.Column("ended_at", sa.DateTime))
    op.add_column("chats", sa.Column("turn_id", sa.Uuid))
    create_index("ix_chats_session_ended", "chats", ["session_id", "ended_at"])
    create_index("ix_chats_ended_active", "chats", ["ended_at", "active_at"])


def downgrade() -> None:
    op.drop_index("ix_chats_ended_active", "chats")
    op.drop_index("ix_chats_session_ended", "chats")
    with op.batch_alter_table("chats") as chats:
        for column in ("turn_id", "ended_at", "active_at"):
            chats.drop_column(column)
    with op.batch_alter_table("messages") as messages:
        messages.drop_column("turn_id")
    op.drop_table("turns")
