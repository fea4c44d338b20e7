"""Messages have elements, such as pictures and tables, and elements have files.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

from webapp.database.engines import UTCDateTime

revision = "0007"
down_revision = "0006"

TABLES = LOCKS = ("messages", "shared_messages")
COLUMNS = ("elements", "details")


def upgrade() -> None:
    for table in TABLES:
        for name in COLUMNS:
            op.add_column(table, sa.Column(name, sa.JSON))
    op.create_table(
        "stored_files",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("created_at", UTCDateTime, nullable=False),
    )
    op.create_table(
        "files",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("chat_id", sa.Uuid, nullable=False),
        sa.Column("message_id", sa.Uuid, nullable=False),
        sa.Column("sha256", sa.String(64), sa.ForeignKey("stored_files.sha256"), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("mime", sa.String(127), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("uploaded_by", sa.String(263)),
        sa.Column("created_at", UTCDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", "chat_id", "message_id", "sha256"),
    )
    op.create_index("ix_files_message", "files", ["chat_id", "message_id"])
    op.create_index("ix_files_sha256", "files", ["sha256"])
    op.create_index("ix_files_uploaded_by", "files", ["uploaded_by", "size"])


def downgrade() -> None:
    op.drop_table("files")
    op.drop_table("stored_files")
    for table in TABLES:
        with op.batch_alter_table(table) as changed:
            for name in COLUMNS:
                changed.drop_column(name)
