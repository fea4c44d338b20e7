"""Runs the migrations on the connection and in the transaction of `webapp.database.schema`."""

from alembic import context

from webapp.accounts import models as _accounts  # noqa: F401 - registers its tables
from webapp.chats import models as _chats  # noqa: F401 - registers its tables
from webapp.database.engines import db
from webapp.files import models as _files  # noqa: F401 - registers its tables
from webapp.profiles import models as _profiles  # noqa: F401 - registers its tables

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=db.metadata,
    render_as_batch=True,
    # SQLite's DDL is transactional as long as the driver does not interfere, and ours does not.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
