"""The commented configuration in examples/config/local.toml: every key there is, switched off.

Made from the structs that read a configuration, so that no key is missing and no default wrong.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import inspect

from execution_broker import config
from execution_broker.domain.capability import SiteRules
from execution_broker.ports import registry

FILE: Final = Path(__file__).parent.parent / "examples" / "config" / "local.toml"
MARK: Final = "#"
"""What stands before a key that is switched off; a remark has a space behind it."""

_HEAD: Final = """A configuration of the broker for a machine: every key there is, with its default.

A line that begins with # and no space is a key: take the # away and change the value. What is
left as it is need not be here at all. Check it with `broker config check FILE`, and the machine
with `broker doctor --config FILE`.

A key with _file behind its name is read from the file that it names: url_file = "/etc/broker/url".
BROKER__HTTP__LISTEN in the environment goes over listen in [http]."""
_PLUGINS: Final[dict[registry.Group, str]] = {
    "platforms": "local",
    "data_kinds": "simple",
    "transfers": "",
}
"""Of each door what is in the file; all of ours where there is no name."""


def document() -> str:
    return "\n".join([*_remark(_HEAD), "", *_lines()]) + "\n"


def _lines() -> Iterator[str]:
    yield from _remark("Where everything is kept. Default: execution-broker in ~/.local/share.")
    yield f'{MARK}data_directory = "/var/lib/execution-broker"'
    for field in msgspec.structs.fields(config.File):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _section(field.name, field.type)
    for group, only in _PLUGINS.items():
        for name, plugin in sorted(registry.plugins(group).items()):
            if plugin.__module__.startswith("execution_broker.") and only in ("", name):
                yield from _section(f"{group}.{name}", plugin.Config)
                if group == "platforms":
                    yield ""
                    yield from _remark("Every platform can be told these, too.")
                    yield from _keys(SiteRules)


def _section(name: str, struct: type[msgspec.Struct]) -> Iterator[str]:
    yield ""
    yield from _remark(struct.__doc__ or "")
    yield f"[{name}]"
    yield from _keys(struct)


def _keys(struct: type[msgspec.Struct]) -> Iterator[str]:
    for field in _fields(struct):
        yield f"{MARK}{field.name} = {_toml(_value(field))}"


def _remark(text: str) -> Iterator[str]:
    for line in text.strip().splitlines():
        yield f"# {line.strip()}".rstrip()


def _fields(struct: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    described = inspect.type_info(struct)
    assert isinstance(described, inspect.StructType)
    return described.fields


def _value(field: inspect.Field) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return _sample(field.type) if field.default is None else field.default


def _sample(type_: inspect.Type) -> Any:
    """A value for a key that is not set by default."""
    match type_:
        case inspect.UnionType(types=types):
            return next(_sample(one) for one in types if not isinstance(one, inspect.NoneType))
        case inspect.Metadata(extra_json_schema={"examples": [first, *_]}):
            return first
        case inspect.IntType():
            return 1
        case inspect.FloatType():
            return 1.0
        case inspect.BoolType():
            return True
        case inspect.StructType() | inspect.DictType():
            return {}
        case inspect.VarTupleType():
            return []
    return ""


def _toml(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return msgspec.json.encode(value).decode()
        case list() | tuple() | set() | frozenset():
            return f"[{', '.join(_toml(one) for one in value)}]"
        case dict():
            return f"{{{', '.join(f'{_toml(key)} = {_toml(one)}' for key, one in value.items())}}}"
        case msgspec.Struct():
            plain = {name: getattr(value, name) for name in value.__struct_fields__}
            given = {name: one for name, one in plain.items() if one is not None}
            return f"{{ {', '.join(f'{name} = {_toml(one)}' for name, one in given.items())} }}"
    raise TypeError(type(value))
