"""The formats that wire objects are written in and read from: JSON, YAML, XML.

Bytes in, plain values out, and back; no I/O. A reader is bounded in depth and time, expands
nothing, and fetches nothing. Used wherever text meets the models: bodies, request files.

The libraries for YAML and XML are loaded when the first text of that format comes: a server that
nobody sends any is smaller by megabytes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from execution_broker.formats import json, xml

Reader = Callable[[bytes, Any], object]


@dataclass(frozen=True, slots=True)
class Format:
    """`types`: its own media type, then its aliases. `suffix`: its structured syntax suffix.

    `read(data, type_)` gives plain values for what is expected to be of that wire type, scalars
    with the text that was written where the type wants text; MalformedBody if the bytes are not of
    this format.
    `write` takes a wire struct.
    """

    name: str
    types: tuple[str, ...]
    suffix: str
    read: Reader
    write: Callable[[Any], bytes]


def _read_yaml(data: bytes, type_: Any) -> object:
    from execution_broker.formats import yaml

    return yaml.read(data, type_)


def _write_yaml(value: Any) -> bytes:
    from execution_broker.formats import yaml

    return yaml.write(value)


JSON: Final = Format("json", ("application/json",), "+json", json.read, json.write)
YAML: Final = Format(
    "yaml",
    ("application/yaml", "text/yaml", "application/x-yaml"),
    "+yaml",
    _read_yaml,
    _write_yaml,
)
XML: Final = Format("xml", ("application/xml", "text/xml"), "+xml", xml.read, xml.write)
FORMATS: Final = (JSON, YAML, XML)
"""In the order of preference where a reader has none."""
