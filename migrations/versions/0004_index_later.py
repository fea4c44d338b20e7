"""The search index is filled after the messages are stored: each chat says from where on.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    # All that is stored has been indexed with the message. Without a constraint, so that SQLite
    # need not copy the table.
    op.add_column("chats", sa.Column("unindexed_from", sa.Integer))
    # A turn that was interrupted by the upgrade has not been indexed.
    op.execute(
        "UPDATE chats SET unindexed_from = "
        "(SELECT turns.first_sequence FROM turns WHERE turns.id = chats.turn_id) WHERE written"
    )
    there = sa.column("unindexed_from").is_not(None)
    op.create_index(
        "ix_chats_unindexed", "chats", ["owner"], sqlite_where=there, postgresql_where=there
    )


def downgrade() -> None:
    op.drop_index("ix_chats_unindexed", "chats")
    with op.batch_alter_table("chats") as chats:
        chats.drop_column("unindexed_from")
