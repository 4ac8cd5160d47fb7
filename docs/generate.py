"""Writes the references that are made from the code: `make generate`. A test compares them."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import inspect

from docs import example_configuration, interface
from execution_broker import config
from execution_broker.cli.plugins.doors import Door
from execution_broker.cli.plugins.scaffold import project
from execution_broker.domain.capability import SiteRules
from execution_broker.domain.messages import REGISTRY
from execution_broker.ports import registry

REFERENCE: Final = Path(__file__).parent / "reference"
_MODULES: Final = {
    "openapi.yaml": "execution_broker.api.openapi",
    "cli.md": "execution_broker.cli.reference",
}
_WORDS: Final = {"BoolType": "`true` or `false`", "StrType": "text", "DictType": "table"}

_CONFIGURATION: Final = """# Configuration

<!-- Made by `make generate`; do not edit. -->

One TOML file, named with `--config`, and the environment over it: `BROKER__HTTP__LISTEN` goes over
`http.listen`. A key that is not listed here is refused. A key with `_file` behind its name is read
from the file it names: `database.url_file`. Without any of it the defaults below hold.

`data_directory` stands at the top, outside of any section. Everything is kept there. Default:
`execution-broker` in `XDG_DATA_HOME`, else in `~/.local/share`.
"""
_PLATFORMS: Final = """A platform may have any name: `[platforms.big]` with `plugin = "local"` is a
second place with the keys above.
"""
_MESSAGES: Final = """# Messages

<!-- Made by `make generate`; do not edit. -->

Everything that a broker tells about a request or a session. A message carries its kind, which never
changes (`urn:execution-broker:message:` and the word below), its level, its template and the values
for it. A refusal that knows what would help carries `path`, `from` and `to` too: set `path` to
`to`, and the fault is gone. Where nothing would do there, it has `op` = `remove` instead of `to`:
leave out what is at `path`. All that one NO suggests goes together, and makes a YES.

| kind | level | template |
|---|---|---|"""


EXAMPLE_WHEEL: Final = Path(__file__).parent.parent / "tests" / "example_wheel"


def main() -> None:
    for path, text in example_wheel().items():
        (EXAMPLE_WHEEL / path).parent.mkdir(parents=True, exist_ok=True)
        (EXAMPLE_WHEEL / path).write_text(text, "utf-8")
    example_configuration.FILE.write_text(example_configuration.document(), "utf-8")
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, "utf-8")
    for name, module in _MODULES.items():
        command = [sys.executable, "-m", module]
        made = subprocess.run(command, capture_output=True, check=True)  # noqa: S603 - of ours
        (REFERENCE / name).write_bytes(made.stdout)


def example_wheel() -> dict[str, str]:
    """The project of a plugin behind each door, as `broker plugins new` writes it."""
    return project("starlab", list(Door))


def pages() -> dict[str, str]:
    """The text of each page that is made here, by its name."""
    return {
        "configuration.md": "\n".join(_configuration()),
        "messages.md": "\n".join(_messages()),
        "interface.md": interface.interface(),
        "differences.md": interface.differences(),
    }


def _configuration() -> Iterator[str]:
    yield _CONFIGURATION
    shown: set[type] = set()
    for field in msgspec.structs.fields(config.File):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _section(f"## `[{field.name}]`", field.type)
            yield from _parts(field.type, shown, field.name)
    for group in registry.GROUPS:
        for name, plugin in sorted(registry.plugins(group).items()):
            if plugin.__module__.startswith("execution_broker."):
                yield from _section(f"## `[{group}.{name}]`", plugin.Config)
                yield from _parts(plugin.Config, shown, f"{group}.{name}")
        if group == "platforms":
            yield _PLATFORMS
            yield from _section("### Keys of every platform", SiteRules)
            yield from _parts(SiteRules, shown, "platforms.NAME")


def _messages() -> Iterator[str]:
    yield _MESSAGES
    for kind, template in sorted(REGISTRY.items()):
        yield f"| `{kind.rpartition(':')[2]}` | {template.level} | {template.text} |"
    yield ""


def _parts(struct: type[msgspec.Struct], shown: set[type], place: str) -> Iterator[str]:
    """The structs that a section is made of, each once under a title of its own."""
    for field in _fields(struct):
        for part in _structs(field.type):
            if part not in shown:
                shown.add(part)
                where = f"{place}.{field.name}"
                beside = any(part in _structs(f.type) for f in _fields(struct) if f != field)
                others = " and others beside it" if beside else ""
                yield from (f"### {part.__name__}", "", f"Stands at `{where}`{others}.", "")
                yield from _about(part)
                yield from _parts(part, shown, where)


def _section(title: str, struct: type[msgspec.Struct]) -> Iterator[str]:
    yield from (title, "")
    yield from _about(struct)


def _about(struct: type[msgspec.Struct]) -> Iterator[str]:
    yield from (line.strip() for line in (struct.__doc__ or "").strip().splitlines())
    yield ""
    if _fields(struct):
        yield from ("| key | what | default |", "|---|---|---|")
        for field in _fields(struct):
            yield f"| `{field.name}` | {_what(field.type)} | {_default(field)} |"
        yield ""


def _fields(struct: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    described = inspect.type_info(struct)
    assert isinstance(described, inspect.StructType)
    return described.fields


def _structs(type_: inspect.Type) -> list[type[msgspec.Struct]]:
    match type_:
        case inspect.StructType(cls=found):
            return [found]
        case inspect.VarTupleType(item_type=item) | inspect.DictType(value_type=item):
            return _structs(item)
        case inspect.UnionType(types=types):
            return [found for one in types for found in _structs(one)]
    return []


def _what(type_: inspect.Type) -> str:
    match type_:
        case inspect.UnionType(types=types):
            named = [one for one in types if not isinstance(one, inspect.NoneType)]
            return " or ".join(_what(one) for one in named)
        case inspect.IntType():
            return "integer" + _range(type_)
        case inspect.FloatType():
            return "number" + _range(type_)
        case inspect.Metadata(type=plain):
            return _what(plain)
        case inspect.VarTupleType(item_type=item) | inspect.FrozenSetType(item_type=item):
            return f"list of {_what(item)}"
        case inspect.StructType(cls=item):
            return f"[{item.__name__}](#{item.__name__.lower()})"
        case inspect.TupleType(item_types=items):
            return f"[{', '.join(_what(item) for item in items)}]"
        case inspect.DictType(value_type=value):
            return f"table of {_what(value)}"
        case inspect.LiteralType(values=values):
            return ", ".join(f"`{value}`" for value in values)
    return _WORDS[type(type_).__name__]


def _range(type_: inspect.IntType | inspect.FloatType) -> str:
    bounds = {"over": type_.gt, "from": type_.ge, "up to": type_.le, "below": type_.lt}
    words = [f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None]
    return f", {' '.join(words)}" if words else ""


def _default(field: inspect.Field) -> str:
    if field.default_factory is not msgspec.NODEFAULT:
        return _written(field.default_factory())
    return "needed" if field.required else _written(field.default)


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, msgspec.Struct):
        return "as below"
    return f"`{msgspec.json.encode(_brief(value)).decode()}`"


def _brief(value: Any) -> Any:
    """A value without what is as by default in it."""
    if isinstance(value, tuple):
        return [_brief(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(value)
    if not isinstance(value, msgspec.Struct):
        return value
    fields = {field.name: field.default for field in _fields(type(value))}
    given = {name: getattr(value, name) for name in fields}
    return {name: held for name, held in given.items() if held != fields[name]}


if __name__ == "__main__":
    main()
