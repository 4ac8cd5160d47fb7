"""Writes the project of a new plugin: one that works, with its tests and its page."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from importlib.metadata import distribution
from importlib.resources import files
from keyword import iskeyword
from pathlib import Path
from string import Template
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from execution_broker.cli.plugins.doors import Door
from execution_broker.cli.requests import BadRequest
from execution_broker.ports import registry

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class _Plan(NamedTuple):
    """What a plugin of a door is made of. The first module has its class."""

    group: registry.Group
    class_: str
    modules: tuple[str, ...]
    about: str


_PLANS: Final[Mapping[Door, _Plan]] = {
    Door.PLATFORM: _Plan(
        "platforms",
        "Platform",
        ("platform", "place"),
        "says what can be had, and carries out what the broker asks; `place.py` is the client of"
        " your system",
    ),
    Door.DATA_KIND: _Plan(
        "data_kinds", "DataKind", ("data_kind",), "says where the bytes of a data resource are"
    ),
    Door.TRANSFER: _Plan("transfers", "Transfer", ("transfer",), "reads bytes"),
}


def check_name(name: str, doors: Sequence[Door]) -> None:
    """BadRequest for one that cannot be the name of a module and a URL scheme, or is taken."""
    if not _NAME.fullmatch(name) or iskeyword(name):
        raise BadRequest(
            f"{name!r} cannot be the name of a plugin.",
            "Begin with a small letter; then small letters and digits, in words joined by hyphens.",
        )
    for door in doors:
        group = _PLANS[door].group
        for one in registry.installed(group):
            if one.name == name:
                raise BadRequest(
                    f"{one.package} has a plugin {name} among the {group}.", "Choose another name."
                )


def own_source() -> str:
    """Where this broker was installed from, as pip takes it, if that is a directory: an index may
    have another broker, or none. Ends in a space, unless it is empty."""
    text = distribution("execution-broker").read_text("direct_url.json")
    url = urlsplit(json.loads(text)["url"] if text else "")
    return f"{shlex.quote(unquote(url.path))} " if url.scheme == "file" else ""


def project(name: str, doors: Sequence[Door]) -> dict[str, str]:
    """The files of a project with one plugin for each door: path and text."""
    module = name.replace("-", "_")
    values = {
        "name": name,
        "module": module,
        "Class": "".join(word.capitalize() for word in name.split("-")),
    }
    package = f"src/execution_broker_{module}"
    made = {
        "pyproject.toml": _fill("pyproject.toml", values | {"entry_points": _entries(doors)}),
        "README.md": _fill("README.md", values | {"plugins": _plugins(doors, package)}),
        f"{package}/__init__.py": _fill("__init__.py", values),
        f"{package}/py.typed": "",
    }
    for door in doors:
        plan = _PLANS[door]
        for part in plan.modules:
            made[f"{package}/{part}.py"] = _fill(f"{part}.py", values)
        test = f"test_{plan.modules[0]}.py"
        made[f"tests/{test}"] = _fill(test, values)
        made[f"docs/{door.value}.md"] = _fill(f"{door.value}.md", values)
    made["pyproject.toml"] = Template(made["pyproject.toml"]).substitute(values)
    return made


def write(directory: Path, made: Mapping[str, str]) -> None:
    """Write the files. BadRequest when something is in the directory, or it cannot be written."""
    try:
        if directory.exists() and any(directory.iterdir()):
            raise BadRequest(f"{directory} is not empty.", "Give another one with --directory.")
        for path, text in made.items():
            file = directory / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
    except OSError as error:
        raise BadRequest(
            f"{directory} cannot be written: {error.strerror}.",
            "Give another one with --directory.",
        ) from None


def _entries(doors: Sequence[Door]) -> str:
    """Sections of entry points, their own placeholders still in them."""
    sections = []
    for door in doors:
        plan = _PLANS[door]
        target = f"execution_broker_$module.{plan.modules[0]}:${{Class}}{plan.class_}"
        sections.append(
            f'[project.entry-points."execution_broker.{plan.group}"]\n$name = "{target}"\n'
        )
    return "\n".join(sections)


def _plugins(doors: Sequence[Door], package: str) -> str:
    return "\n".join(
        f"* `{package}/{_PLANS[door].modules[0]}.py` {_PLANS[door].about};"
        f" its page is `docs/{door.value}.md`."
        for door in doors
    )


def _fill(name: str, values: Mapping[str, str]) -> str:
    template = files("execution_broker.cli.plugins") / "templates" / f"{name}.tmpl"
    return Template(template.read_text("utf-8")).substitute(values)
