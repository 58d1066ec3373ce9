"""Each reason for an address to take no mail is a row of its own, found by the address."""

from alembic import op

revision = "0009"
down_revision = "0008"

_OLD = ["owner", "folded_address", "scope"]
_NEW = ["folded_address", "owner", "scope", "reason"]


def upgrade() -> None:
    _key(_OLD, _NEW)
    op.create_index("ix_suppressions_owner_id", "suppressions", ["owner", "id"])


def downgrade() -> None:
    """Of each address and scope one reason is left: one in force, rather one that does not end,
    and rather one that only the owner lifts."""
    op.drop_index("ix_suppressions_owner_id", "suppressions")
    op.execute(
        "DELETE FROM suppressions WHERE id NOT IN (SELECT id FROM ("
        " SELECT id, row_number() OVER ("
        "  PARTITION BY owner, folded_address, scope"
        "  ORDER BY lifted_at IS NOT NULL, until IS NOT NULL, reason = 'unsubscribed', id DESC"
        " ) AS place FROM suppressions"
        ") AS ranked WHERE place = 1)"
    )
    _key(_NEW, _OLD)


def _key(old: list[str], new: list[str]) -> None:
    kept = {"sqlite_autoincrement": True}  # the copy that SQLite makes would not have it
    with op.batch_alter_table("suppressions", table_kwargs=kept) as table:
        table.drop_constraint(f"uq_suppressions_{'_'.join(old)}", type_="unique")
        table.create_unique_constraint(f"uq_suppressions_{'_'.join(new)}", new)
