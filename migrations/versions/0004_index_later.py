"""The search index is filled after the messages are stored: each chat says from where on.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

from webapp.database.later_indexes import create_index

revision = "0004"
down_revision = "0003"

LOCKS = ("chats",)


def upgrade() -> None:
    # Without a constraint, so that SQLite need not copy the table.
    op.add_column("chats", sa.Column("unindexed_from", sa.Integer))
    there = sa.column("unindexed_from").is_not(None)
    create_index(
        "ix_chats_unindexed", "chats", ["owner"], sqlite_where=there, postgresql_where=there
    )


def downgrade() -> None:
    op.drop_index("ix_chats_unindexed", "chats")
    with op.batch_alter_table("chats") as chats:
        chats.drop_column("unindexed_from")
