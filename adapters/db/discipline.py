"""What work may not do with the connection it is lent: end its transaction, or leave it broken.

Both would make a write look done that is not, or done that looks refused.
"""

from typing import Any

import sqlalchemy as sa

_OURS = "parley_commits"


def forbid_commits(engine: sa.Engine) -> None:
    """Let only `commit` commit transactions of `engine`: half-done work must not become
    durable, least of all together with its neighbours'."""
    sa.event.listen(engine, "commit", _refuse)


def _refuse(connection: sa.Connection) -> None:
    if not connection.info.get(_OURS):
        raise RuntimeError("work must not commit; its transaction ends when it returns")


def commit(connection: sa.Connection, transaction: sa.RootTransaction) -> None:
    """Commit `transaction` of `connection`."""
    info: dict[Any, Any] = connection.info
    info[_OURS] = True
    try:
        transaction.commit()
    finally:
        info.pop(_OURS, None)  # the connection itself may be gone by now


def misuse(connection: sa.Connection, transaction: sa.RootTransaction) -> RuntimeError | None:
    """An error when work ended the transaction it was lent, lost its connection, or left a
    transaction open inside it."""
    is_ours = connection.get_transaction() is transaction and transaction.is_active
    if not is_ours or connection.invalidated or connection.in_nested_transaction():
        return RuntimeError("work must neither end its transaction nor leave a savepoint open")
    return None
