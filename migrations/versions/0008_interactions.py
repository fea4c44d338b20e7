"""Apps ask questions, offer buttons and inputs, and answer programs that have a token.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

from webapp.database.engines import UTCDateTime
from webapp.database.later_indexes import create_index
from webapp.database.migrating import Steps

revision = "0008"
down_revision = "0007"

LOCKS = ("chats", "turns")


def prepare(steps: Steps) -> None:
    # Pages ask whether a chat has earlier versions, and most have none.
    steps.make_index("ix_messages_replaced", "messages (chat_id) WHERE replaced_by IS NOT NULL")


def upgrade() -> None:
    there = sa.column("replaced_by").is_not(None)
    create_index(
        "ix_messages_replaced",
        "messages",
        ["chat_id"],
        sqlite_where=there,
        postgresql_where=there,
        if_not_exists=True,  # `prepare` has made it, unless the database is new
    )
    op.add_column("chats", sa.Column("inputs", sa.JSON))
    op.add_column("turns", sa.Column("action_id", sa.Uuid))
    op.create_table(
        "questions",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column(
            "chat_id", sa.Uuid, sa.ForeignKey("chats.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("turn_id", sa.Uuid, nullable=False),
        sa.Column("message_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.Column("key", sa.Uuid),
        sa.Column("answer", sa.JSON),
        sa.Column("created_at", UTCDateTime, nullable=False),
        sa.Column("expires_at", UTCDateTime),
        sa.Column("answered_at", UTCDateTime),
    )
    op.create_index("ix_questions_chat", "questions", ["chat_id", "status"])
    op.create_index("ix_questions_turn", "questions", ["turn_id"])
    op.create_table(
        "setting_defaults",
        sa.Column("owner", sa.String(263), nullable=False),
        sa.Column("profile", sa.String(200), nullable=False),
        sa.Column("values", sa.JSON, nullable=False),
        sa.Column("changed_at", UTCDateTime, nullable=False),
        sa.PrimaryKeyConstraint("owner", "profile"),
    )
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("identifier", sa.String(255), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("profiles", sa.JSON),
        sa.Column("created_at", UTCDateTime, nullable=False),
        sa.Column("last_used_at", UTCDateTime),
        sa.Column("expires_at", UTCDateTime),
        sa.Column("revoked_at", UTCDateTime),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_index("ix_api_tokens_identifier", "api_tokens", ["identifier"])


def downgrade() -> None:
    op.drop_index("ix_messages_replaced", "messages")
    for table in ("api_tokens", "setting_defaults", "questions"):
        op.drop_table(table)
    with op.batch_alter_table("turns") as changed:
        changed.drop_column("action_id")
    with op.batch_alter_table("chats") as changed:
        changed.drop_column("inputs")
