"""What lies beside a notebook that it needs: lists of packages, and files that it opens."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec
import yaml

from execution_broker.cli.initial.notebook import Notebook
from execution_broker.domain.requirements import USUAL, is_requirement, package_of
from execution_broker.models.component import Metadata
from execution_broker.models.executable import JupyterNotebook
from execution_broker.models.execution import ExecutionRequest
from execution_broker.models.resources import SimpleCompute, SimpleData, SimpleVolume

_LISTS: Final = ("requirements.txt", "environment.yml", "environment.yaml")
_NO_PACKAGES: Final = frozenset({"python", "pip", "setuptools", "wheel"})
_CONDA: Final = re.compile(r"(?:[\w.-]+::)?([A-Za-z0-9._-]+)\s*(=[^=].*)?", re.ASCII)
_MOST_FILES: Final = 20


class Surroundings(msgspec.Struct, frozen=True):
    """`requirements`, and `listed_in` which file; or, where there is none, the packages of modules
    that are imported and that few places have. `others`: what was listed and cannot be required.
    `files` that it opens and that are here, relative to its `directory`."""

    directory: Path = Path()
    requirements: tuple[str, ...] = ()
    listed_in: str | None = None
    others: tuple[str, ...] = ()
    files: tuple[PurePosixPath, ...] = ()


def look_around(file: Path, notebook: Notebook) -> Surroundings:
    """Nothing is run, and nothing is read but lists of requirements."""
    directory = file.parent
    own = {name for name in notebook.modules if _is_own(directory, name)}
    modules = [directory / f"{name}.py" for name in sorted(own)]
    files = [
        PurePosixPath(one.relative_to(directory))
        for one in [*(directory / text for text in notebook.opened), *modules]
        if one.is_file() and one.resolve() != file.resolve()
    ]
    listed = next((name for name in _LISTS if (directory / name).is_file()), None)
    if listed is None:
        wanted = {package_of(one) for one in notebook.modules if one not in own} - {*USUAL}
        return Surroundings(directory, tuple(sorted(wanted)), files=tuple(files[:_MOST_FILES]))
    lines = list(_listed(directory / listed))
    return Surroundings(
        directory,
        tuple(one for one in lines if is_requirement(one)),
        listed_in=listed,
        others=tuple(one for one in lines if not is_requirement(one)),
        files=tuple(files[:_MOST_FILES]),
    )


def with_needs(request: ExecutionRequest, around: Surroundings) -> ExecutionRequest:
    """The request with all of it: what it opens is staged, and appears where it opens it."""
    executable, compute = request.executable, request.compute or SimpleCompute()
    assert isinstance(executable, JupyterNotebook)
    assert isinstance(compute, SimpleCompute)
    replace = msgspec.structs.replace
    return replace(
        request,
        executable=replace(executable, requirements=around.requirements),
        compute=replace(compute, volumes=(*compute.volumes, *volumes(around))),
        data=(*request.data, *data(around)),
    )


def data(around: Surroundings) -> tuple[SimpleData, ...]:
    """The files that it opens, each called by its path."""
    return tuple(
        SimpleData(
            meta=Metadata(name=str(file)), location=str((around.directory / file).absolute())
        )
        for file in around.files
    )


def volumes(around: Surroundings) -> tuple[SimpleVolume, ...]:
    """Where these appear."""
    return tuple(SimpleVolume(resource=str(file), path=f"/{file}") for file in around.files)


def _is_own(directory: Path, module: str) -> bool:
    return (directory / f"{module}.py").is_file() or (directory / module).is_dir()


def _listed(file: Path) -> Iterator[str]:
    """What a list requires, as far as it can be read."""
    try:
        text = file.read_text("utf-8")
        if file.suffix == ".txt":
            yield from _of_pip(text.replace("\\\n", " ").splitlines())
        else:
            yield from _of_conda(yaml.safe_load(text))
    except (OSError, ValueError, yaml.YAMLError):
        return


def _of_pip(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        plain = re.split(r"(?:^|\s)#|\s--?\w", line, maxsplit=1)[0].strip()
        if plain:
            yield plain


def _of_conda(document: Any) -> Iterator[str]:
    """The dependencies of an environment, in the words of pip."""
    listed = document.get("dependencies") if isinstance(document, dict) else None
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and isinstance(one.get("pip"), list):
            yield from _of_pip(map(str, one["pip"]))
        elif isinstance(one, str):
            found = _CONDA.fullmatch(one.strip())
            name = found[1] if found else one
            if name.lower() not in _NO_PACKAGES:
                yield f"{name}{_version(found[2] or '')}" if found else one


def _version(text: str) -> str:
    """`=1.26` of conda means what `==1.26.*` does; what follows a second `=` is a build."""
    number = text.removeprefix("=").partition("=")[0].strip()
    if not number:
        return ""
    return f"=={number}" if number.endswith("*") else f"=={number}.*"
