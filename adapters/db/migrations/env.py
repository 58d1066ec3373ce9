"""Run by Alembic: migrates inside the transaction it is given (see `adapters.db.migrating`)."""

from alembic import context

from adapters.db.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
