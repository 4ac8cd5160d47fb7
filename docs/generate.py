"""Writes the references that are made from the code: `make generate`. A test compares them."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args

import msgspec

from execution_broker import config
from execution_broker.domain.messages import REGISTRY
from execution_broker.ports import registry

REFERENCE: Final = Path(__file__).parent / "reference"
_MODULES: Final = {
    "openapi.yaml": "execution_broker.api.openapi",
    "cli.md": "execution_broker.cli.reference",
}
_MADE: Final = "<!-- Made by `make generate`; do not edit. -->"
_GROUPS: Final[tuple[registry.Group, ...]] = get_args(registry.Group)
_WORDS: Final = {
    "BoolType": "yes or no (`true`, `false`)",
    "StrType": "text",
    "DictType": "table",
    "VarTupleType": "list",
    "FrozenSetType": "list",
    "StructType": "table",
}


def main() -> None:
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, "utf-8")
    for name, module in _MODULES.items():
        made = subprocess.run([sys.executable, "-m", module], capture_output=True, check=True)  # noqa: S603 - a module of ours
        (REFERENCE / name).write_bytes(made.stdout)


def pages() -> dict[str, str]:
    """The text of each page that is made here, by its name."""
    return {
        "configuration.md": "\n".join(_configuration()),
        "messages.md": "\n".join(_messages()),
    }


def _configuration() -> Iterator[str]:
    yield from ("# Configuration", "", _MADE, "")
    yield "One TOML file, named with `--config`, and the environment over it: `http.listen` is"
    yield "`BROKER__HTTP__LISTEN`. A key that is not listed here is refused. A key that ends in"
    yield "`_file` is read from the file it names: `database.url_file` holds a URL with its password."
    yield "Without any of it `broker serve` runs with what is written below as default."
    yield ""
    for field in msgspec.structs.fields(config._File):  # noqa: SLF001 - what a file may hold
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _section(field.name, field.type)
    yield from ("## `data_directory`", "")
    yield "Where everything is kept. Default: `execution-broker` in `XDG_DATA_HOME`, else in"
    yield from ("`~/.local/share`.", "")
    for group in _GROUPS:
        yield from _plugins(group)


def _plugins(group: registry.Group) -> Iterator[str]:
    for name, plugin in sorted(registry.plugins(group).items()):
        if plugin.__module__.startswith("execution_broker."):
            yield from _section(f"{group}.{name}", plugin.Config)
    if group == "platforms":
        yield 'A platform may have any name: `[platforms.big]` with `plugin = "local"` is a second'
        yield from ("place with the keys above.", "")


def _section(name: str, struct: type[msgspec.Struct]) -> Iterator[str]:
    yield from (f"## `[{name}]`", "")
    yield from (*_paragraphs(struct.__doc__), "")
    fields = {field.encode_name: field for field in msgspec.inspect.type_info(struct).fields}
    if not fields:
        return
    yield from ("| key | what | default |", "|---|---|---|")
    inner: dict[str, type[msgspec.Struct]] = {}
    for key, field in fields.items():
        inner |= {one.__name__: one for one in _structs(field.type)}
        yield f"| `{key}` | {_what(field.type)} | {_default(struct, key)} |"
    yield ""
    for title, part in inner.items():
        yield from _inner(title, part)


def _inner(title: str, struct: type[msgspec.Struct]) -> Iterator[str]:
    yield from (f"### {title}", "", *_paragraphs(struct.__doc__), "")
    yield from ("| key | what | default |", "|---|---|---|")
    for field in msgspec.inspect.type_info(struct).fields:
        yield f"| `{field.encode_name}` | {_what(field.type)} | {_default(struct, field.name)} |"
    yield ""


def _structs(type_: msgspec.inspect.Type) -> list[type[msgspec.Struct]]:
    match type_:
        case msgspec.inspect.StructType(cls=found):
            return [found]
        case msgspec.inspect.VarTupleType(item_type=item):
            return _structs(item)
        case msgspec.inspect.UnionType(types=types):
            return [found for one in types for found in _structs(one)]
    return []


def _what(type_: msgspec.inspect.Type) -> str:
    match type_:
        case msgspec.inspect.UnionType(types=types):
            named = [one for one in types if not isinstance(one, msgspec.inspect.NoneType)]
            return " or ".join(_what(one) for one in named)
        case msgspec.inspect.IntType() | msgspec.inspect.FloatType():
            return f"{'number' if isinstance(type_, msgspec.inspect.FloatType) else 'integer'}{_range(type_)}"
        case msgspec.inspect.VarTupleType(item_type=msgspec.inspect.StructType(cls=item)):
            return f"list of [{item.__name__}](#{item.__name__.lower()})"
        case msgspec.inspect.VarTupleType(item_type=item):
            return f"list of {_what(item)}"
        case msgspec.inspect.StructType(cls=item):
            return f"[{item.__name__}](#{item.__name__.lower()})"
        case msgspec.inspect.DictType(value_type=value):
            return f"table of {_what(value)}"
        case msgspec.inspect.LiteralType(values=values):
            return ", ".join(f"`{value}`" for value in values)
    return _WORDS[type(type_).__name__]


def _range(type_: msgspec.inspect.IntType | msgspec.inspect.FloatType) -> str:
    limits = [
        f"{word} {limit:g}"
        for word, limit in (
            ("over", type_.gt),
            ("from", type_.ge),
            ("up to", type_.le),
            ("below", type_.lt),
        )
        if limit is not None
    ]
    return f", {' '.join(limits)}" if limits else ""


def _default(struct: type[msgspec.Struct], name: str) -> str:
    field = next(one for one in msgspec.structs.fields(struct) if one.encode_name == name)
    if field.default_factory is not msgspec.NODEFAULT:
        value: Any = field.default_factory()
    elif field.default is not msgspec.NODEFAULT:
        value = field.default
    else:
        return "needed"
    return "" if value is None else _toml(value)


def _toml(value: Any) -> str:
    plain = msgspec.to_builtins(value)
    if isinstance(value, msgspec.Struct):
        return "its own"
    return f"`{msgspec.json.encode(plain).decode()}`"


def _messages() -> Iterator[str]:
    yield from ("# Messages", "", _MADE, "")
    yield "Everything that a broker tells its users about a request or a session. A message carries its"
    yield "kind, which never changes, its level, its template and the values for it. A refusal that knows"
    yield "what would help carries `path`, `from` and `to` too: set `path` to `to`, and the fault is gone."
    yield ""
    yield from ("| kind | level | template |", "|---|---|---|")
    for kind, message in sorted(REGISTRY.items()):
        yield f"| `{kind.rsplit(':', 1)[-1]}` | {message.level} | {message.text} |"
    yield ""
    yield f"The whole kind is `{next(iter(REGISTRY)).rsplit(':', 1)[0]}:` and the word of the table."
    yield ""


def _paragraphs(words: str | None) -> list[str]:
    return [line.strip() for line in (words or "").strip().splitlines()]


if __name__ == "__main__":
    main()
