"""Chats that stay: titles, search, pins, shares, feedback, preferences and the audit trail.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

from webapp.chats.tokenizer import Words
from webapp.database.later_indexes import create_index, drop_index

revision = "0003"
down_revision = "0002"

LOCKS = ("turns", "chats", "messages")

# A full-text index over `search_entries.words`, kept by triggers as SQLite's documentation of
# external content tables has them: https://www.sqlite.org/fts5.html#external_content_tables
FULL_TEXT = (
    """
    CREATE VIRTUAL TABLE search_words USING fts5(
        words, content='search_entries', content_rowid='id', tokenize='ascii',
        prefix='2 3 4 5 6 7 8', detail=none, columnsize=0
    )
    """,
    """
    CREATE TRIGGER search_entries_added AFTER INSERT ON search_entries BEGIN
        INSERT INTO search_words (rowid, words) VALUES (new.id, new.words);
    END
    """,
    """
    CREATE TRIGGER search_entries_removed AFTER DELETE ON search_entries BEGIN
        INSERT INTO search_words (search_words, rowid, words) VALUES ('delete', old.id, old.words);
    END
    """,
    """
    CREATE TRIGGER search_entries_changed AFTER UPDATE ON search_entries BEGIN
        INSERT INTO search_words (search_words, rowid, words) VALUES ('delete', old.id, old.words);
        INSERT INTO search_words (rowid, words) VALUES (new.id, new.words);
    END
    """,
)


def upgrade() -> None:
    _change_chats()
    op.add_column("messages", sa.Column("profile", sa.String(200)))
    op.add_column("messages", sa.Column("replaced_by", sa.Uuid))
    op.add_column("turns", sa.Column("values_before", sa.JSON))
    _make_search()
    _make_feedback_and_shares()
    _make_preferences_and_audit()


def downgrade() -> None:
    for table in ("audit_entries", "preferences", "shares", "feedback"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE search_words")
    op.drop_table("search_entries")
    with op.batch_alter_table("turns") as turns:
        turns.drop_column("values_before")
    with op.batch_alter_table("messages") as messages:
        for column in ("replaced_by", "profile"):
            messages.drop_column(column)
    for index in ("history", "history_profile", "deleted", "expires"):
        op.drop_index(f"ix_chats_{index}", "chats")
    with op.batch_alter_table("chats") as chats:
        for column in (
            "continues",
            "imported_at",
            "expires_at",
            "deleted_at",
            "pinned",
            "snapshots",
            "title",
        ):
            chats.drop_column(column)
    op.create_index("ix_chats_owner_written", "chats", ["owner", "written"])


def _change_chats() -> None:
    # Without constraints, so that SQLite need not copy the table.
    for column in (
        sa.Column("title", sa.String(200)),
        sa.Column("snapshots", sa.JSON, nullable=False, server_default="{}"),
        sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("deleted_at", sa.DateTime),
        sa.Column("expires_at", sa.DateTime),
        sa.Column("imported_at", sa.DateTime),
        sa.Column("continues", sa.Uuid),
    ):
        op.add_column("chats", column)
    drop_index("ix_chats_owner_written", "chats")
    create_index("ix_chats_history", "chats", ["owner", "written", "pinned", "active_at", "id"])
    create_index(
        "ix_chats_history_profile",
        "chats",
        ["owner", "profile", "written", "pinned", "active_at", "id"],
    )
    for name, column_name in (("deleted", "deleted_at"), ("expires", "expires_at")):
        there = sa.column(column_name).is_not(None)
        create_index(
            f"ix_chats_{name}",
            "chats",
            [column_name],
            sqlite_where=there,
            postgresql_where=there,
        )


def _make_search() -> None:
    op.create_table(
        "search_entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column(
            "chat_id",
            sa.Uuid,
            sa.ForeignKey("chats.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column(
            "message_id",
            sa.Uuid,
            sa.ForeignKey("messages.id", ondelete="CASCADE"),
            unique=True,
        ),
        sa.Column("words", Words, nullable=False),
    )
    is_title = sa.column("message_id").is_(None)
    op.create_index(
        "ix_search_entries_title",
        "search_entries",
        ["chat_id"],
        unique=True,
        sqlite_where=is_title,
        postgresql_where=is_title,
    )
    if op.get_bind().dialect.name == "sqlite":
        for statement in FULL_TEXT:
            op.execute(statement)
        op.execute("INSERT INTO search_words (search_words) VALUES ('rebuild')")
    else:
        op.create_index(
            "ix_search_entries_words", "search_entries", ["words"], postgresql_using="gin"
        )


def _make_feedback_and_shares() -> None:
    op.create_table(
        "feedback",
        sa.Column(
            "message_id",
            sa.Uuid,
            sa.ForeignKey("messages.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column(
            "chat_id",
            sa.Uuid,
            sa.ForeignKey("chats.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("owner", sa.String(263), nullable=False),
        sa.Column("profile", sa.String(200)),
        sa.Column("value", sa.SmallInteger, nullable=False),
        sa.Column("comment", sa.Text),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("changed_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "shares",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column(
            "chat_id",
            sa.Uuid,
            sa.ForeignKey("chats.id", ondelete="CASCADE"),
            nullable=False,
            unique=True,
        ),
        sa.Column("token", sa.String(64), nullable=False, unique=True),
        sa.Column("last_sequence", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
    )


def _make_preferences_and_audit() -> None:
    op.create_table(
        "preferences",
        sa.Column("owner", sa.String(263), primary_key=True),
        sa.Column("profile", sa.String(200)),
        sa.Column("changed_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("at", sa.DateTime, nullable=False, index=True),
        sa.Column("event", sa.String(40), nullable=False),
        sa.Column("identifier", sa.String(255)),
        sa.Column("ip", sa.String(64)),
        sa.Column("details", sa.JSON, nullable=False),
    )
    op.create_index("ix_audit_entries_event_at", "audit_entries", ["event", "at"])
    op.create_index("ix_audit_entries_identifier_at", "audit_entries", ["identifier", "at"])
