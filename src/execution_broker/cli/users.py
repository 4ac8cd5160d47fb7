"""Commands for users: everything through the client, over HTTP."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from execution_broker.cli.asking import asking
from execution_broker.cli.changing import change
from execution_broker.cli.completing import LiveUuid, OfferUuid, Uuid
from execution_broker.cli.context import At, connected
from execution_broker.cli.exits import Exit
from execution_broker.cli.initial.command import init
from execution_broker.cli.lapsing import ask
from execution_broker.cli.rejecting import (
    Replace,
    give_back,
    reject,
    reject_all,
    tell_unanswered,
)
from execution_broker.cli.starting import (
    StartBy,
    Wait,
    is_taken,
    read_latest,
    start_of,
    when_it_starts,
)
from execution_broker.cli.teaching import teach

if TYPE_CHECKING:
    from execution_broker.client import StreamName
    from execution_broker.client.requests import Request
    from execution_broker.models.execution import ExecutionSession, OfferSetResponse

_PANEL: Final = "For users"
_LISTED: Final = 20
"""Results that are listed at the end of a run."""
_EXAMPLE: Final = "4f1c5a9e-8d0b-4b5e-9a55-0c8f5b7f2d11"


Stderr = Annotated[bool, typer.Option("--stderr", help="The error output instead.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on until the session ends.")]
Interval = Annotated[
    float,
    typer.Option(
        metavar="SECONDS", min=0.05, help="Shortest pause between two looks; it grows to 10 s."
    ),
]
Directory = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", help="Fetch them all to this directory."),
]


def add_commands(app: typer.Typer) -> None:
    """Register the commands with their examples."""
    add = partial(_add, app)
    teach(
        app,
        _PANEL,
        "init",
        init,
        "broker init fit.ipynb",
        "broker init ghcr.io/astro/fit:1.2 --cores 4",
    )
    flags = "--notebook https://example.org/fit.ipynb --mode BATCH"
    data = "--data https://example.org/cat.fits,size=1048576 --duration PT30M"
    add(
        "request",
        asking(request),
        "broker request request.yaml",
        f"broker request {flags} --cores 2 {data}",
    )
    add("accept", accept, f"broker accept {_EXAMPLE}")
    add("reject", reject, f"broker reject {_EXAMPLE}", "broker reject --all")
    add(
        "change",
        change,
        f"broker change {_EXAMPLE} --longer PT30M",
        f"broker change {_EXAMPLE} --cores 4 --memory 8",
    )
    add("cancel", cancel, f"broker cancel {_EXAMPLE}")
    add("status", status, f"broker status {_EXAMPLE}", f"broker status {_EXAMPLE} --json")
    add("watch", watch, f"broker watch {_EXAMPLE}")
    add("logs", logs, f"broker logs {_EXAMPLE} --follow", f"broker logs {_EXAMPLE} --stderr")
    add(
        "results",
        results,
        f"broker results {_EXAMPLE}",
        f"broker results {_EXAMPLE} --output results/",
    )
    add(
        "run",
        asking(run),
        "broker run request.yaml",
        "broker run --notebook fit.ipynb --mode BATCH --start-by PT2H",
    )


def request(at: At, wanted: "Request", replace: Replace = False) -> Exit:
    """Ask for offers: where, when and at what cost something can run.

    Each offer holds what it needs until it expires: accept one, and the others are given back.
    A NO says why, and what would make it a YES.
    """
    wanted = at.bring(wanted)
    if replace:
        reject_all(at)
    answer = at.client.request(wanted)
    if at.json:
        at.write_json(answer)
    else:
        _show_offers(at, answer)
        tell_unanswered(at, answer)
    return Exit.NO if _is_no(answer) else Exit.DONE


def accept(at: At, uuid: OfferUuid) -> Exit:
    """Accept an offer: it becomes a session, and its siblings are given back."""
    return moved(at, at.client.accept(uuid), f"Follow it: broker watch {uuid}")


def cancel(at: At, uuid: LiveUuid) -> Exit:
    """End a session, or an offer, now. What it used is released."""
    return moved(at, at.client.cancel(uuid))


def status(at: At, uuid: Uuid) -> Exit:
    """Show a session: phase, schedule, components, messages."""
    from execution_broker.cli.rendering.session import session

    seen = at.client.session(uuid)
    if at.json:
        at.write_json(seen)
    else:
        at.out.print(session(seen, at.here()))
    return Exit.DONE


def watch(at: At, uuid: LiveUuid, interval: Interval = 0.5) -> Exit:
    """Follow a session until it has ended and its results are collected; the exit code says how.

    Live on a terminal; elsewhere one line for each change, or with --json the whole session on
    one line each time. Interrupting it does not touch the session.
    """
    return _watch(at, str(uuid), interval)


def logs(
    at: At,
    uuid: Uuid,
    stderr: Stderr = False,
    follow: Follow = False,
    interval: Interval = 0.5,
) -> Exit:
    """Write what a session has written: the first and the last of it, if it is very long."""
    name: StreamName = "stderr" if stderr else "stdout"
    if follow:
        parts = at.client.follow(uuid, name, interval)
    else:
        parts = iter([at.client.stream(uuid, name)])
    for part in parts:
        if at.json:
            at.write_json_line({"stream": name, "text": part.decode("utf-8", "replace")})
        else:
            sys.stdout.buffer.write(part)
            sys.stdout.buffer.flush()
    return Exit.DONE


def results(at: At, uuid: Uuid, directory: Directory = None) -> Exit:
    """List what is kept of a session's outputs, or fetch it, every file verified."""
    from execution_broker.cli.fetching import fetch_all
    from execution_broker.cli.rendering.results import results as table

    listed = at.client.results(uuid)
    code = Exit.DONE
    if directory is not None and listed.results:
        code = fetch_all(at, str(uuid), listed.results, directory)
    if at.json:
        at.write_json(listed)
    elif directory is None or not listed.results:
        at.print_long(table(listed), len(listed.results))
    return code


def run(
    at: At,
    wanted: "Request",
    wait: Wait = False,
    start_by: StartBy = None,
    replace: Replace = False,
    interval: Interval = 0.5,
) -> Exit:
    """Ask, accept the first offer, follow the session, list its results: all in one.

    An offer that starts more than ten minutes from now is taken only where you say so: you are
    asked, or say it beforehand with --wait or --start-by. What is not taken is given back. Where
    unanswered offers alone hold an earlier start, it asks again when they have lapsed.
    """
    latest = None if start_by is None else read_latest(start_by, at.here().now)
    wanted = at.bring(wanted)
    if replace:
        reject_all(at)
    answer = ask(at, wanted, latest, wait=wait)
    if _is_no(answer):
        if at.json:
            at.write_json_line(answer)
        else:
            _show_offers(at, answer)
            tell_unanswered(at, answer)
        return Exit.NO
    uuid = _uuid(answer.offers[0])
    start = start_of(answer.offers[0], at.here())
    if not is_taken(at, start.planned if start else None, latest, wait=wait):
        give_back(at, answer)
        return Exit.LATER
    accepted = at.client.accept(uuid)
    at.err.print(f"Accepted {uuid}, the first of {len(answer.offers)} offers.")
    if start is not None and not at.json:
        at.err.print(when_it_starts(start, at.here()), soft_wrap=True)
    if at.json:
        at.write_json_line(accepted)
    code = _watch(at, uuid, interval)
    if code in (Exit.DONE, Exit.FAILED, Exit.CANCELLED, Exit.CUT_OFF):
        _list_results(at, uuid)
    return code


def moved(at: At, session: "ExecutionSession", hint: str = "") -> Exit:
    """Show a session, or an offer, as it has become."""
    from execution_broker.cli.rendering.session import heading, plan
    from execution_broker.domain.lifecycle import SESSION_ENDS

    if at.json:
        at.write_json(session)
        return Exit.DONE
    at.out.print(heading(session))
    if session.phase not in SESSION_ENDS:
        for line in plan(session, at.here()):
            at.out.print(line)
    if hint:
        at.err.print(hint)
    return Exit.DONE


def _add(app: typer.Typer, name: str, command: Callable[..., Exit], *lines: str) -> None:
    teach(app, _PANEL, name, connected(command), *lines)


def _watch(at: At, uuid: str, interval: float) -> Exit:
    from execution_broker.cli.failing import exit_of_session
    from execution_broker.cli.watching import show, to_its_results

    try:
        last = show(at, to_its_results(at.client, uuid, interval))
    except KeyboardInterrupt:
        at.err.print(f"Not watched any more; the session goes on. End it: broker cancel {uuid}")
        return Exit.INTERRUPTED
    return exit_of_session(last)


def _list_results(at: At, uuid: str) -> None:
    from execution_broker.cli.rendering.results import results as table

    listed = at.client.results(uuid)
    if at.json:
        at.write_json_line(listed)
        return
    at.out.print(table(listed, most=_LISTED))
    if listed.results:
        at.err.print(f"Fetch them: broker results {uuid} --output DIR")


def _show_offers(at: At, answer: "OfferSetResponse") -> None:
    from execution_broker.cli.rendering.offers import offerset

    at.out.print(offerset(answer, at.here()))


def _is_no(answer: "OfferSetResponse") -> bool:
    return answer.result != "YES" or not answer.offers


def _uuid(offer: "ExecutionSession") -> str:
    from execution_broker.client import UnexpectedReply

    if offer.meta is None or offer.meta.uuid is None:
        raise UnexpectedReply("The broker made an offer without a UUID.", "Tell who runs it.")
    return offer.meta.uuid
