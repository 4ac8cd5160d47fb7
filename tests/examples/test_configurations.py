"""The configurations in examples/config: they work, and nothing that may be set is missing."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from docs.example_configuration import FILE, MARK
from execution_broker import config
from execution_broker.domain.capability import SiteRules
from execution_broker.ports import registry

EXAMPLES = FILE.parent
LOCAL = FILE
SECTIONS = {
    field.name: field.type
    for field in msgspec.structs.fields(config.File)
    if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)
}


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.toml")), ids=lambda file: file.name)
def test_it_is_a_configuration(file: Path) -> None:
    settings = config.load(file, {"HOME": "/home/ada"})
    assert settings.platforms


def test_as_it_stands_it_changes_nothing() -> None:
    made = config.load(LOCAL, {"HOME": "/home/ada"})
    plain = config.load_values({"data_directory": str(made.data_directory)})
    assert msgspec.structs.replace(plain, platforms={}, sites={}) == msgspec.structs.replace(
        made, platforms={}, sites={}
    )
    assert made.platforms["local"] == plain.platforms["local"]


def test_every_key_is_in_it_and_each_can_be_switched_on(tmp_path: Path) -> None:
    text = LOCAL.read_text("utf-8")
    file = tmp_path / "all.toml"
    file.write_text(re.sub(rf"^{MARK}(?=\w)", "", text, flags=re.MULTILINE))
    config.load(file, {"HOME": "/home/ada"})
    values = tomllib.loads(file.read_text())
    for name, struct in SECTIONS.items():
        assert keys(values[name]) == set(struct.__struct_fields__), name
    local = registry.plugin("platforms", "local").Config.__struct_fields__
    assert keys(values["platforms"]["local"]) == {*local, *SiteRules.__struct_fields__}
    for group in ("data_kinds", "transfers"):
        for name, section in values[group].items():
            assert keys(section) == set(registry.plugin(group, name).Config.__struct_fields__)
    assert values["data_directory"]


def keys(section: dict[str, Any]) -> set[str]:
    return set(section)
