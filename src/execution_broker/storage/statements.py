"""Loads the named statements of `sql/`, written once for all databases.

A statement begins with a line `-- name: one sentence`. `{for_update}`, `{skip_locked}` and
`{among:NAME}` (one of a list) stand for what each database says its own way.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Final

_HEAD: Final = re.compile(r"^-- (?P<name>[a-z_]+): ", re.MULTILINE)
_AMONG: Final = re.compile(r"\{among:(\w+)\}")


@cache
def statements() -> Mapping[str, str]:
    """Every statement by its name, as written."""
    found: dict[str, str] = {}
    for file in sorted(files(__package__).joinpath("sql").iterdir(), key=lambda f: f.name):
        text = file.read_text("utf-8")
        heads = list(_HEAD.finditer(text))
        ends = [*(head.start() for head in heads[1:]), len(text)]
        for head, end in zip(heads, ends, strict=True):
            found[head["name"]] = text[head.start() : end].strip().rstrip(";")
    return found


def render(text: str, fragments: Mapping[str, str], among: Callable[[str], str]) -> str:
    """A statement in one database's dialect."""
    for name, fragment in fragments.items():
        text = text.replace("{" + name + "}", fragment)
    return _AMONG.sub(lambda found: among(found[1]), text)
