"""Loads the named statements of `sql/`, written once for all databases.

A statement begins with a line `-- name: one sentence`. `{for_update}`, `{skip_locked}`, `{clock}`,
`{soon}` (this transaction need not wait for the disk), `{row}` (where a row is: known for as long
as its lock is held) and `{among:NAME}` (one of a list) stand for what each database says its own
way. What several statements have in common begins with `-- part name: ...`; `{part:NAME}` stands
for it.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Final

_HEAD: Final = re.compile(r"^-- (?P<part>part )?(?P<name>[a-z_]+): ", re.MULTILINE)
_PART: Final = re.compile(r"\{part:(\w+)\}")
_AMONG: Final = re.compile(r"\{among:(\w+)\}")


@cache
def statements() -> Mapping[str, str]:
    """Every statement by its name, as written, with its parts."""
    found: dict[str, str] = {}
    parts: dict[str, str] = {}
    for file in sorted(files(__package__).joinpath("sql").iterdir(), key=lambda f: f.name):
        text = file.read_text("utf-8")
        heads = list(_HEAD.finditer(text))
        ends = [*(head.start() for head in heads[1:]), len(text)]
        for head, end in zip(heads, ends, strict=True):
            written = text[head.start() : end].strip().rstrip(";")
            if head["part"]:
                parts[head["name"]] = written.partition("\n")[2].strip()
            else:
                found[head["name"]] = written
    return {
        name: _PART.sub(lambda part: parts[part[1]], written) for name, written in found.items()
    }


def render(text: str, fragments: Mapping[str, str], among: Callable[[str], str]) -> str:
    """A statement in one database's dialect."""
    for name, fragment in fragments.items():
        text = text.replace("{" + name + "}", fragment)
    return _AMONG.sub(lambda found: among(found[1]), text)
