"""`broker init`: writes a request file that is ready to be sent, and to be changed."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

import typer

from execution_broker.cli import asking
from execution_broker.cli.context import Json, guarded

if TYPE_CHECKING:
    from execution_broker.cli.initial.surroundings import Surroundings
    from execution_broker.cli.requests import Flags
    from execution_broker.models.executable import Mode
    from execution_broker.models.execution import ExecutionRequest

Source = Annotated[
    str | None,
    typer.Argument(
        metavar="SOURCE",
        help="A notebook (a file that is here, or a URL) or a container image. Without it you are"
        " asked.",
    ),
]
Target = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write; - writes it out.")
]
Needs = Annotated[
    bool | None,
    typer.Option(
        "--needs/--no-needs",
        help="Put in the packages and files that it needs, or only suggest them.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the file if it is there.")]

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
_IMAGE: Final = re.compile(r"[a-z0-9][\w.:/@-]*", re.ASCII)


def init(
    source: Source = None,
    output: Target = Path("request.yaml"),
    force: Force = False,
    mode: asking.Mode = None,
    cores: asking.Cores = None,
    memory: asking.Memory = None,
    storage: asking.Storage = None,
    data: asking.Data = None,
    mount: asking.Mount = None,
    start: asking.Start = None,
    duration: asking.Duration = None,
    max_cost: asking.MaxCost = None,
    needs: Needs = None,
    json: Json = False,
) -> None:
    """Write a request file, with a word about each part, to be sent with `broker request`.

    A notebook that is here is read, not run. The addresses that it names and the parameters that it
    takes become suggestions in the file. So do the packages that requirements.txt or
    environment.yml list beside it (without them, the modules that it imports and few places have),
    and the files beside it that it opens: unless you say on the terminal, or with --needs, that
    they are to be put in.
    """
    with guarded(json) as where:
        import msgspec

        from execution_broker.cli.initial.notebook import look
        from execution_broker.cli.initial.surroundings import Surroundings, look_around, with_needs
        from execution_broker.cli.initial.writing import relative, text_of
        from execution_broker.cli.requests import Flags, from_flags

        flags = Flags(
            mode=mode,
            cores=cores,
            memory=memory,
            storage=storage,
            data=tuple(data or ()),
            mounts=tuple(mount or ()),
            start=start,
            duration=duration,
            max_costs=tuple(max_cost or ()),
        )
        _refuse_to_overwrite(output, force=force)
        if source is None:
            source, flags = _asked(flags)
        request = _named(from_flags(_complete(source, flags)), source)
        file, base = Path(source), Path() if str(output) == "-" else output.parent
        notebook = look(file) if file.is_file() else None
        around = Surroundings() if notebook is None else look_around(file, notebook)
        if around.others:
            others = ", ".join(around.others[:5])
            where.err.print(f"Not taken from {around.listed_in}: {others}", soft_wrap=True)
        asks = not json and sys.stdin.isatty()
        if needs if needs is not None else asks and _is_wanted(around):
            request, around = with_needs(request, around), Surroundings()
        request = msgspec.structs.replace(
            request,
            executable=request.executable and relative(request.executable, base),
            data=tuple(relative(one, base) for one in request.data),
        )
        text = text_of(request, notebook, around, base)
        if str(output) == "-":
            typer.echo(text, nl=False)
            return
        _write(output, text)
        if json:
            where.write_json({"file": str(output)})
            return
        where.out.print(f"Wrote {output}.", soft_wrap=True)
        where.err.print(f"Look at it, then ask: broker request {output}", soft_wrap=True)


def _complete(source: str, flags: "Flags") -> "Flags":
    """What every request file should say, also where nothing was said: it is there to be edited."""
    import msgspec

    more: dict[str, str | None] = {
        "cores": flags.cores or "1",
        "memory": flags.memory or "1",
        "start": flags.start or "../PT24H",
        "duration": flags.duration or "PT2H",
    }
    if _is_notebook(source):
        more |= {"notebook": source, "mode": flags.mode or "BATCH"}
    else:
        more |= {"image": source}
    return msgspec.structs.replace(flags, **more)


def _is_notebook(source: str) -> bool:
    from execution_broker.cli.requests import BadRequest

    if _URL.match(source) or source.endswith(".ipynb") or Path(source).is_file():
        return True
    if _IMAGE.fullmatch(source):
        return False
    raise BadRequest(
        f"{source!r} is neither a notebook nor the name of an image.",
        "Write for example fit.ipynb, https://example.org/fit.ipynb, or ghcr.io/astro/fit:1.2.",
    )


def _named(request: "ExecutionRequest", source: str) -> "ExecutionRequest":
    """The same, the executable named for what it is."""
    import msgspec

    from execution_broker.models.component import Metadata

    path = urlsplit(source).path if _URL.match(source) else source
    name = path.rpartition("/")[2].removesuffix(".ipynb").partition(":")[0] or "session"
    executable = request.executable
    assert executable is not None
    named = msgspec.structs.replace(executable, meta=Metadata(name=name))
    return msgspec.structs.replace(request, executable=named)


def _asked(flags: "Flags") -> "tuple[str, Flags]":
    """What was typed, question by question; what a flag says already is not asked for."""
    import msgspec

    from execution_broker.cli.requests import BadRequest

    if not sys.stdin.isatty():
        raise BadRequest(
            "There is no source, and no terminal to ask for one.",
            "Name a notebook or an image: broker init fit.ipynb",
        )
    source = _question("What shall run: a notebook (file or URL), or a container image")
    more: dict[str, str | tuple[str, ...]] = {}
    if _is_notebook(source) and flags.mode is None:
        more["mode"] = _mode()
    more["cores"] = flags.cores or _question("Cores: the least, or least-most", "1")
    more["memory"] = flags.memory or _question(
        "Memory in GiB, or with a unit: the least, or least-most", "1"
    )
    more["duration"] = flags.duration or _question("How long must it last", "2h")
    more["start"] = flags.start or _question("When may it start (ISO 8601 interval)", "../24h")
    if not flags.data:
        more["data"] = tuple(_addresses())
    return source, msgspec.structs.replace(flags, **more)


def _is_wanted(around: "Surroundings") -> bool:
    """Whether what lies around the notebook is to be put in, if there is something."""
    found = [*around.requirements, *map(str, around.files)]
    if not found:
        return False
    listed = ", ".join(found[:10]) + (f" and {len(found) - 10} more" if len(found) > 10 else "")
    return typer.confirm(f"It needs {listed}. Put that in", default=True, err=True)


def _addresses() -> list[str]:
    found: list[str] = []
    while address := _question("URL of data to stage (empty: no more)", "").strip():
        found.append(address)
    return found


def _question(words: str, default: str | None = None) -> str:
    answer: str = typer.prompt(words, default=default, err=True, show_default=bool(default))
    return answer


def _mode() -> "Mode":
    words = "Use it in a browser? Otherwise it runs from top to bottom"
    return "INTERACTIVE" if typer.confirm(words, default=False, err=True) else "BATCH"


def _refuse_to_overwrite(file: Path, *, force: bool) -> None:
    from execution_broker.cli.requests import BadRequest

    if file.exists() and not force and str(file) != "-":
        raise BadRequest(
            f"{file} is there already.", "Give another one with --output, or --force to overwrite."
        )


def _write(file: Path, text: str) -> None:
    """For this user alone, where a URL in it has a password or a token."""
    from execution_broker.cli.requests import BadRequest
    from execution_broker.models.secrets import DEFAULT

    try:
        if DEFAULT.prose(text) != text:
            file.touch(mode=0o600)
            file.chmod(0o600)
        file.write_text(text, "utf-8")
    except OSError as error:
        raise BadRequest(
            f"{file} cannot be written: {error.strerror}.", "Give another one with --output."
        ) from None
