"""A link shows its chat as it was when it was shared.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

from webapp.database.engines import UTCDateTime

revision = "0006"
down_revision = "0005"

LOCKS = ("shares",)


def upgrade() -> None:
    op.add_column("shares", sa.Column("title", sa.String(200)))
    op.add_column("shares", sa.Column("profile", sa.String(200)))
    op.add_column("shares", sa.Column("snapshots", sa.JSON))
    op.create_table(
        "shared_messages",
        sa.Column(
            "share_id", sa.Uuid, sa.ForeignKey("shares.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("author", sa.String(200)),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("created_at", UTCDateTime, nullable=False),
        sa.Column("turn_id", sa.Uuid),
        sa.Column("profile", sa.String(200)),
        sa.PrimaryKeyConstraint("share_id", "sequence"),
    )


def downgrade() -> None:
    op.drop_table("shared_messages")
    with op.batch_alter_table("shares") as shares:
        for name in ("title", "profile", "snapshots"):
            shares.drop_column(name)
