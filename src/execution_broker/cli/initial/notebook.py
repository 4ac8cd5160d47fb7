"""What a notebook tells about the request that would run it. It is read, never run."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from execution_broker.cli.requests import BadRequest
from execution_broker.domain.notebooks import code_cells, traits

_ADDRESS: Final = re.compile(r"(?:https?|ftp|s3|file)://[^\s'\"<>()\[\]{}\\,]+")
_FILE: Final = re.compile(
    r"\.(all|asdf|csv|dat|ecsv|fits?|fits\.fz|gz|h5|hdf5|json|npy|npz|parquet|tar|tsv|txt|vot|xml|zip)$",
    re.IGNORECASE,
)
_WRITING: Final = re.compile("to_|save|write|dump|imsave|imwrite|mkdir|touch")


class Notebook(msgspec.Struct, frozen=True):
    """`language` of its kernel. `parameters`: what a cell tagged so sets to plain values.
    `addresses` of files that its code names. `modules` that it imports and Python has not.
    `opened`: relative paths that may be files it reads."""

    language: str
    parameters: dict[str, Any]
    addresses: tuple[str, ...]
    modules: tuple[str, ...]
    opened: tuple[str, ...] = ()


def look(file: Path) -> Notebook:
    """BadRequest when the file is no notebook."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadRequest(f"{file} cannot be read: {error.strerror}.", "Name a notebook.") from None
    found = traits(content)
    if found.fault is not None:
        raise BadRequest(
            f"{file} is no Jupyter notebook that can be run: {found.fault}.",
            "Open it with Jupyter and save it again.",
        )
    cells = list(code_cells(content))
    sources = [source for source, _ in cells]
    trees = [_parse(source) for source in sources]
    parameters = dict[str, Any]()
    for tree, (_, tags) in zip(trees, cells, strict=True):
        if "parameters" in tags:
            parameters.update(_assigned(tree))
    return Notebook(
        language=found.language,
        parameters=parameters,
        addresses=tuple(dict.fromkeys(a for source in sources for a in _addresses(source))),
        modules=tuple(sorted({module for tree in trees for module in _imported(tree)})),
        opened=tuple(dict.fromkeys(path for tree in trees for path in _read(tree))),
    )


def _parse(source: str) -> ast.Module:
    """The code without the lines that are for IPython; nothing where it is no Python."""
    lines = ["" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines()]
    try:
        return ast.parse("\n".join(lines))
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def _assigned(tree: ast.Module) -> Iterator[tuple[str, Any]]:
    """Names that are set to text, numbers, truth values, and lists of these."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case _:
                continue
        try:
            found = ast.literal_eval(value)
        except ValueError:
            continue
        if isinstance(found, str | int | float | bool | list):
            yield name, found


def _addresses(source: str) -> Iterator[str]:
    for found in _ADDRESS.finditer(source):
        address = found[0].rstrip(".;:")
        if _FILE.search(address.partition("?")[0]):
            yield address


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found = [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), level=0):
                found = [module]
            case _:
                continue
        for name in found:
            top = name.partition(".")[0]
            if top not in sys.stdlib_module_names:
                yield top


def _read(tree: ast.Module) -> Iterator[str]:
    """Texts that may be paths of files, but for those that are written."""
    written = {id(text) for node in ast.walk(tree) for text in _written(node)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in written and _is_path(text):
                yield text


def _written(node: ast.AST) -> Iterator[ast.AST]:
    """What is given to a call that writes: `savefig("a.png")`, `open("a.txt", "w")`."""
    match node:
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), args=args):
            modes = [mode.value for mode in args[1:2] if isinstance(mode, ast.Constant)]
            modes += [
                keyword.value.value
                for keyword in node.keywords
                if keyword.arg == "mode" and isinstance(keyword.value, ast.Constant)
            ]
            is_opened_to_write = name == "open" and any({*str(mode)} & {*"wax"} for mode in modes)
            if is_opened_to_write or _WRITING.match(name):
                yield from ast.walk(node)


def _is_path(text: str) -> bool:
    """Whether it may be a path below the notebook's directory."""
    parts = text.removeprefix("./").split("/")
    return 0 < len(text) <= 255 and text.isprintable() and not {"", "..", "."} & {*parts}
