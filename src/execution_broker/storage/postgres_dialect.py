"""How statements are said to PostgreSQL: with numbered parameters, with arrays for many rows."""

import re
from collections.abc import Collection, Sequence
from functools import cache
from typing import Final, NamedTuple

from execution_broker.storage.statements import render, statements

_PARAMETER: Final = re.compile(r"(?<!:):([a-z_]\w*)")
_NUMBER: Final = re.compile(r"\$(\d+)")
_CHANGES: Final = re.compile(r"^\s*(INSERT|UPDATE|DELETE)\b", re.MULTILINE)
_INSERT: Final = re.compile(
    r"(?P<into>\s*INSERT INTO [^$]*)\bVALUES\s*\((?P<row>[^()]*)\)(?P<rest>[^$]*)"
)
_UPDATE: Final = re.compile(
    r"(?P<set>\s*UPDATE \w+\s+SET (?:(?!\b(?:FROM|RETURNING|SELECT|WHERE)\b)[^{])*)"
    r"(?P<where>\bWHERE (?:(?!\b(?:FROM|RETURNING|SELECT|ANY)\b)[^{])*)"
)
_LIST: Final = re.compile(r"\(([^()]*)\)")
SHIFT: Final = "clock_shift"
"""The parameter that `{clock}` needs: how far the clock is put forward."""


class Dialect(NamedTuple):
    """A statement with numbered parameters, and their names in that order."""

    sql: str
    names: tuple[str, ...]
    changes: bool
    is_row: bool
    """Whether it is about one row, and so could be about many: see `over_arrays`."""
    keys: tuple[str, ...]
    """The names of the parameters by which it finds rows that it may change."""


@cache
def dialect(statement: str) -> Dialect:
    text = render(
        statements()[statement],
        {
            "for_update": "FOR NO KEY UPDATE",  # rows that refer to it may be added meanwhile
            "skip_locked": "FOR NO KEY UPDATE SKIP LOCKED",
            "row": "ctid",
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
    keys = tuple(names[int(number) - 1] for number in _NUMBER.findall(_finding(sql)))
    return Dialect(
        sql=sql,
        names=tuple(names),
        changes=_CHANGES.search(sql) is not None,
        is_row=SHIFT not in names and (bool(keys) or _INSERT.fullmatch(sql) is not None),
        keys=keys,
    )


def over_arrays(row: str, types: Sequence[str], same: Collection[int]) -> str:
    """A plain INSERT or UPDATE of one row as one of many: each parameter is an array of its type,
    but for those that are the same for all rows, which are named by number.

    The rows of an INSERT are made, and what they return is told, in the order of the arrays. Those
    of an UPDATE are changed in no order, each once: whoever might wait for another has locked them
    before. The server plans and starts one statement where it would start as many as there are
    rows.
    """
    each = {number: type_ for number, type_ in enumerate(types, 1) if number not in same}
    arrays = ", ".join(f"${number}::{type_}[]" for number, type_ in each.items())
    columns = ", ".join(f"p{number}" for number in each)
    typed = {number: f"${number}::{types[number - 1]}" for number in same}

    def given(sql: str) -> str:
        return _NUMBER.sub(lambda one: typed.get(int(one[1]), f"given.p{one[1]}"), sql)

    if (update := _UPDATE.fullmatch(row)) is not None:
        return (
            f"{given(update['set'])}FROM unnest({arrays}) AS given({columns}) "
            f"{given(update['where'])}"
        )
    insert = _INSERT.fullmatch(row)
    assert insert is not None, "only a plain INSERT or UPDATE takes rows"
    selected = given(insert["row"])
    return (
        f"{insert['into']}SELECT {selected} FROM unnest({arrays}) "  # noqa: S608 - from sql/
        f"WITH ORDINALITY AS given({columns}, place) ORDER BY given.place{insert['rest']}"
    )


def at_once(statements: Sequence[str]) -> str:
    """One statement of many that change rows and tell nothing. None sees what another one does."""
    before, parts = 0, []
    for number, sql in enumerate(statements):
        shifted = _NUMBER.sub(lambda found: f"${int(found[1]) + before}", sql)  # noqa: B023 - now
        parts.append(f"part{number} AS ({shifted})")
        before += len(set(_NUMBER.findall(sql)))
    return f"WITH {', '.join(parts)} SELECT"


def _finding(sql: str) -> str:
    """The part of a statement about rows by which it finds those that it may change."""
    if (update := _UPDATE.fullmatch(sql)) is not None:
        return update["where"]
    insert = _INSERT.fullmatch(sql)
    if insert is None or "DO UPDATE" not in insert["rest"]:
        return ""
    columns, unique = (_LIST.findall(insert[part])[0] for part in ("into", "rest"))
    values = dict(zip(_names(columns), _names(insert["row"]), strict=True))
    return ", ".join(values[column] for column in _names(unique))


def _names(listed: str) -> list[str]:
    return [one.strip() for one in listed.split(",")]
