"""The first tables: accounts, login sessions, login attempts, chats, messages.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("username", sa.String(64), nullable=False, unique=True),
        sa.Column("skeleton", sa.String(256), nullable=False, unique=True),
        sa.Column("display_name", sa.String(200)),
        sa.Column("metadata", sa.JSON, nullable=False),
        sa.Column("password_hash", sa.String(255)),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("changed_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "login_sessions",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("identifier", sa.String(255), index=True),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("user_agent", sa.String(200)),
        sa.Column("ip", sa.String(64)),
        sa.Column("created_at", sa.DateTime, nullable=False, index=True),
        sa.Column("seen_at", sa.DateTime, nullable=False, index=True),
    )
    op.create_table(
        "login_attempts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("username_key", sa.String(64), nullable=False),
        sa.Column("ip_key", sa.String(64), nullable=False),
        sa.Column("succeeded", sa.Boolean, nullable=False),
        sa.Column("decided", sa.Boolean, nullable=False),
        sa.Column("stranger", sa.Boolean, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Index("ix_login_attempts_username_at", "username_key", "at"),
        sa.Index("ix_login_attempts_ip_at", "ip_key", "at"),
        sa.Index("ix_login_attempts_succeeded_at", "succeeded", "at"),
    )
    op.create_table(
        "chats",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("owner", sa.String(263), nullable=False),
        sa.Column("session_id", sa.Uuid),
        sa.Column("profile", sa.String(200)),
        sa.Column("written", sa.Boolean, nullable=False),
        sa.Column("values", sa.JSON, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Index("ix_chats_owner_written", "owner", "written"),
    )
    op.create_table(
        "messages",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column(
            "chat_id",
            sa.Uuid,
            sa.ForeignKey("chats.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("author", sa.String(200)),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.UniqueConstraint("chat_id", "sequence"),
    )


def downgrade() -> None:
    for table in ("messages", "chats", "login_attempts", "login_sessions", "accounts"):
        op.drop_table(table)
