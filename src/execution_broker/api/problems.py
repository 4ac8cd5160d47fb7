"""Faults as RFC 9457 problem documents, in the format that the client accepts.

Every type has a page of its own in `docs/reference/problems/`.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from execution_broker.api.media import negotiate_problem, written_only
from execution_broker.domain.errors import BrokerError, InvalidBody
from execution_broker.models.extensions import Fault, Problem
from execution_broker.models.secrets import DEFAULT, Hiding

TYPE: Final = "urn:execution-broker:problem:"


def of_error(error: BrokerError, status: int, hiding: Hiding = DEFAULT) -> Problem:
    """The problem that an error of ours is: its code makes the type, and its title. It may quote
    what was sent, but no secret of it."""
    faults = error.faults if isinstance(error, InvalidBody) else ()
    return Problem(
        type=TYPE + error.code,
        title=error.code.replace("-", " ").capitalize(),
        status=status,
        detail=hiding.text(error.sentence),
        remedy=hiding.text(error.remedy) or None,
        faults=tuple(
            Fault(place=hiding.text(one.place), fault=hiding.text(one.fault)) for one in faults
        ),
    )


def of_status(status: int, detail: str | None = None, remedy: str | None = None) -> Problem:
    """The problem that a bare status code is."""
    phrase = HTTPStatus(status).phrase
    return Problem(
        type=TYPE + phrase.lower().replace(" ", "-"),
        title=phrase.capitalize(),
        status=status,
        detail=detail,
        remedy=remedy,
    )


def respond(
    problem: Problem, accept: str | None, headers: Mapping[str, str] | None = None
) -> Response:
    chosen = negotiate_problem(accept, PLAIN)
    return Response(
        chosen.format.write(problem),
        problem.status,
        {"Cache-Control": "no-store", "Vary": "Accept, Authorization", **(headers or {})},
        chosen.media_type,
    )


def _write_plain(problem: Problem) -> bytes:
    lines = [f"{problem.title} ({problem.status})", problem.detail, problem.remedy]
    lines += [f"{fault.place}: {fault.fault}" for fault in problem.faults]
    return "".join(f"{line}\n" for line in lines if line).encode()


PLAIN: Final = written_only("text", "text/plain", _write_plain)
"""For people who look with simple tools. Nothing but a problem is written so."""
