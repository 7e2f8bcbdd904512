"""Alembic's entry point: runs the migrations on the connection that `server.store.schema.migrate` opened."""

from __future__ import annotations

from alembic import context

from server.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
