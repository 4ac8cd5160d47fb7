"""How statements are said to PostgreSQL: with numbered parameters, with arrays for many rows."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

from execution_broker.storage.statements import render, statements

_PARAMETER: Final = re.compile(r"(?<!:):([a-z_]\w*)")
_NUMBER: Final = re.compile(r"\$(\d+)")
_CHANGES: Final = re.compile(r"^\s*(INSERT|UPDATE|DELETE)\b", re.MULTILINE)
_INSERT: Final = re.compile(
    r"(?P<into>\s*INSERT INTO [^$]*)\bVALUES\s*\((?P<row>[^()]*)\)(?P<rest>[^$]*)"
)
SHIFT: Final = "clock_shift"
"""The parameter that `{clock}` needs: how far the clock is put forward."""


class Dialect(NamedTuple):
    """A statement with numbered parameters, and their names in that order."""

    sql: str
    names: tuple[str, ...]
    changes: bool
    is_row: bool
    """Whether it inserts one row, and so could insert many: see `over_arrays`."""


@cache
def dialect(statement: str) -> Dialect:
    text = render(
        statements()[statement],
        {
            "for_update": "FOR NO KEY UPDATE",  # rows that refer to it may be added meanwhile
            "skip_locked": "FOR NO KEY UPDATE SKIP LOCKED",
            "any_start": "= ANY(ARRAY(",
            "any_end": "))",
            "soon": "(SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL",
            "clock": f"(clock_timestamp() + CAST(:{SHIFT} AS interval))",
            "json": "to_json",
            "json_list": "json_agg",
            "json_object": "json_build_object",
        },
        lambda name: f"= ANY(:{name})",
    )
    _, _, body = text.partition("\n")
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}"

    sql = _PARAMETER.sub(number, body)
    return Dialect(
        sql=sql,
        names=tuple(names),
        changes=_CHANGES.search(sql) is not None,
        is_row=_INSERT.fullmatch(sql) is not None,
    )


def over_arrays(insert: str, types: Sequence[str]) -> str:
    """An INSERT of one row as one of many: each parameter is an array of its type.

    The rows are made, and what they return is told, in the order of the arrays. The server plans
    and starts one statement where it would start as many as there are rows.
    """
    found = _INSERT.fullmatch(insert)
    assert found is not None, "only a plain INSERT takes rows"
    arrays = ", ".join(f"${number}::{type_}[]" for number, type_ in enumerate(types, 1))
    columns = ", ".join(f"p{number}" for number, _ in enumerate(types, 1))
    row = _NUMBER.sub(r"given.p\1", found["row"])
    return (  # of what stands in sql/ alone
        f"{found['into']}SELECT {row} FROM unnest({arrays}) "  # noqa: S608 - from sql/
        f"WITH ORDINALITY AS given({columns}, place) ORDER BY given.place{found['rest']}"
    )
