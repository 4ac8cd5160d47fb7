"""From an error or a phase to an exit code, and an error in one line and a next action."""

from typing import assert_never

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from execution_broker.cli.exits import Exit
from execution_broker.cli.rendering.words import plain
from execution_broker.cli.requests import BadRequest
from execution_broker.client.errors import (
    BadAddress,
    BrokerRefused,
    ContentMismatch,
    TargetTaken,
    Unanswered,
    UnexpectedReply,
    Unreachable,
    UnusableFile,
    Unwritable,
)
from execution_broker.domain import messages
from execution_broker.domain.errors import (
    BrokerError,
    ConfigurationError,
    ConfigurationFaults,
    NotFound,
)
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.phases import SessionPhase


def exit_of(error: BrokerError) -> Exit:
    """The exit code that an error becomes."""
    match error:
        case BrokerRefused():
            return _of_status(error.problem.status)
        case Unreachable() | Unanswered():
            return Exit.UNREACHABLE
        case UnexpectedReply():
            return Exit.NOT_UNDERSTOOD
        case ContentMismatch() | TargetTaken() | Unwritable():
            return Exit.DOWNLOAD
        case NotFound():
            return Exit.NOT_FOUND
        case BadAddress() | BadRequest() | UnusableFile() | ConfigurationError():
            return Exit.USAGE
        case _:
            return Exit.REFUSED


def exit_of_session(session: ExecutionSession) -> Exit:
    """The exit code of a session that was last seen so."""
    phase = session.phase
    match phase:
        case SessionPhase.FAILED:
            told = session.meta.messages if session.meta else ()
            is_cut_off = any(message.kind == messages.CUT_OFF.kind for message in told)
            return Exit.CUT_OFF if is_cut_off else Exit.FAILED
        case SessionPhase.CANCELLED:
            return Exit.CANCELLED
        case SessionPhase.REJECTED | SessionPhase.EXPIRED:
            return Exit.GONE
        case (
            None
            | SessionPhase.COMPLETED
            | SessionPhase.INITIAL
            | SessionPhase.OFFERED
            | SessionPhase.ACCEPTED
            | SessionPhase.WAITING
            | SessionPhase.PREPARING
            | SessionPhase.AVAILABLE
            | SessionPhase.RUNNING
            | SessionPhase.RELEASING
        ):
            return Exit.DONE
    assert_never(phase)


def tell(error: BrokerError, err: Console) -> None:
    """What went wrong, each fault with its place, and what to do next: for people."""
    if isinstance(error, ConfigurationFaults):
        for one in error.faults:
            tell(one, err)
        return
    err.print(Text.assemble(("Error: ", "bold red"), plain(error.sentence)), soft_wrap=True)
    if isinstance(error, BrokerRefused):
        for fault in error.problem.faults:
            err.print(f"  {plain(fault.place)}: {plain(fault.fault)}", soft_wrap=True)
    remedy = remedy_of(error)
    if remedy:
        err.print(f"→ {plain(remedy)}", soft_wrap=True)


def tell_json(error: BrokerError) -> None:
    """The same for machines: one JSON object on the standard error."""
    refused = error.problem if isinstance(error, BrokerRefused) else None
    values = {"code": error.code, "sentence": error.sentence, "remedy": remedy_of(error)}
    whole: dict[str, object] = {**values, **({} if refused is None else {"problem": refused})}
    if isinstance(error, ConfigurationFaults):
        whole["faults"] = [{"sentence": f.sentence, "remedy": f.remedy} for f in error.faults]
    typer.echo(msgspec.json.encode({"error": whole}), err=True)


def remedy_of(error: BrokerError) -> str:
    """The next action, in the words of the command line where it knows better."""
    if isinstance(error, Unreachable):
        return "Start one with `broker serve`, or give another address with --url or BROKER_URL."
    if isinstance(error, BrokerRefused) and error.problem.status == 401:
        return (
            "Give a user name and its password: --user and --password-file, "
            "or BROKER_USER and BROKER_PASSWORD."
        )
    return error.remedy


def _of_status(status: int) -> Exit:
    match status:
        case 401 | 403:
            return Exit.NOT_ALLOWED
        case 404:
            return Exit.NOT_FOUND
        case 502 | 503 | 504:
            return Exit.UNREACHABLE
        case _:
            return Exit.REFUSED
