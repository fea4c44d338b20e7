"""What needs Alembic. A process that serves pages imports it only to make or upgrade the tables."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection

from webapp.resources import resource_folder


def run_migrations(connection: Connection) -> None:
    """Bring the tables behind ``connection`` to this version, in its transaction."""
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def alembic_config() -> Config:
    """Return Alembic's settings, without a database."""
    config = Config()
    config.set_main_option("script_location", str(resource_folder("migrations")).replace("%", "%%"))
    return config
