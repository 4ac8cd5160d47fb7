"""What a step waits for stands with it; fewer indexes, and room for new versions of rows."""

import json
from collections import defaultdict

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import JSON

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = JSON().with_variant(sa.Text(), "sqlite")
CLAIMABLE = sa.text("phase IN ('READY', 'RUNNING')")
PLANNED = sa.text("session_id IS NOT NULL")
UNIQUE = sa.text("unique_key IS NOT NULL")
ROOM = {"step": 50, "session": 50, "component": 60, "receipt": 60}
"""How full, in percent, a page of a table is made: a new version fits beside the old one."""

STEP = sa.table("step", sa.column("id"), sa.column("key"), sa.column("needs", JSON()))
EDGE = sa.table("edge", *map(sa.column, ("step_id", "needs_id", "is_any_end")))


def upgrade() -> None:
    op.add_column("step", sa.Column("needs", DOCUMENT))
    _name_needs()
    op.drop_table("edge")
    op.execute("UPDATE step SET phase = 'DORMANT' WHERE phase = 'WAITING'")
    op.drop_index("ix_step_session_id", table_name="step")
    op.drop_index("ix_step_free_at", table_name="step")  # a table made anew forgets its condition
    with op.batch_alter_table("step") as batch:
        batch.drop_constraint("uq_step_uuid", type_="unique")
        batch.drop_constraint("uq_step_unique_key", type_="unique")
    _index_what_is_claimable()
    op.create_index(
        "ix_step_session_id_key",
        "step",
        ["session_id", "key"],
        unique=True,
        postgresql_where=PLANNED,
        sqlite_where=PLANNED,
    )
    op.create_index(
        "ix_step_unique_key",
        "step",
        ["unique_key"],
        unique=True,
        postgresql_where=UNIQUE,
        sqlite_where=UNIQUE,
    )
    if op.get_bind().dialect.name == "postgresql":
        for table, percent in ROOM.items():
            op.execute(f"ALTER TABLE {table} SET (fillfactor = {percent})")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in ROOM:
            op.execute(f"ALTER TABLE {table} RESET (fillfactor)")
    op.drop_index("ix_step_unique_key", table_name="step")
    op.drop_index("ix_step_session_id_key", table_name="step")
    op.drop_index("ix_step_free_at", table_name="step")
    op.create_table(
        "edge",
        _of_step("step_id"),
        _of_step("needs_id"),
        sa.Column("is_any_end", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("step_id", "needs_id", name="pk_edge"),
    )
    op.create_index("ix_edge_needs_id", "edge", ["needs_id"])
    _draw_edges()
    with op.batch_alter_table("step") as batch:
        batch.drop_column("needs")
        batch.create_unique_constraint("uq_step_uuid", ["uuid"])
        batch.create_unique_constraint("uq_step_unique_key", ["unique_key"])
    op.create_index("ix_step_session_id", "step", ["session_id"])
    _index_what_is_claimable()


def _index_what_is_claimable() -> None:
    op.create_index(
        "ix_step_free_at",
        "step",
        ["free_at"],
        postgresql_where=CLAIMABLE,
        sqlite_where=CLAIMABLE,
    )


def _of_step(name: str) -> sa.Column[int]:
    key = sa.ForeignKey("step.id", name=f"fk_edge_{name}", ondelete="CASCADE")
    return sa.Column(name, KEY, key, nullable=False)


def _name_needs() -> None:
    needed = STEP.alias("needed")
    query = sa.select(EDGE.c.step_id, needed.c.key, EDGE.c.is_any_end).join_from(
        EDGE, needed, needed.c.id == EDGE.c.needs_id
    )
    needs: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    connection = op.get_bind()
    for step, key, is_any_end in connection.execute(query.order_by(EDGE.c.needs_id)):
        needs[step]["after" if is_any_end else "needs"].append(key)
    if needs:
        connection.execute(
            sa.update(STEP).where(STEP.c.id == sa.bindparam("step")),
            [{"step": step, "needs": found} for step, found in needs.items()],
        )


def _draw_edges() -> None:
    """What had begun waits for the rest as it did before; the others are DORMANT still."""
    connection = op.get_bind()
    rows = connection.execute(
        sa.text("SELECT id, session_id, key, phase, needs FROM step WHERE session_id IS NOT NULL")
    ).all()
    ids = {(row.session_id, row.key): row.id for row in rows}
    begun = {row.session_id for row in rows if row.key == "begin" and row.phase == "COMPLETED"}
    edges = []
    waiting = []
    for row in rows:
        if row.phase == "DORMANT" and row.session_id in begun:
            waiting.append({"id": row.id})
        found = row.needs or {}
        found = json.loads(found) if isinstance(found, str) else found
        for column, keys in found.items():
            edges += [
                {
                    "step_id": row.id,
                    "needs_id": ids[row.session_id, key],
                    "is_any_end": int(column == "after"),
                }
                for key in keys
            ]
    if edges:
        connection.execute(sa.insert(EDGE), edges)
    if waiting:
        connection.execute(sa.text("UPDATE step SET phase = 'WAITING' WHERE id = :id"), waiting)
