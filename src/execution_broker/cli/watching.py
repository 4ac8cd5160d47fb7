"""Showing a session while it goes on: live on a terminal, line by line elsewhere."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from rich.live import Live

from execution_broker.cli.context import At
from execution_broker.cli.rendering.watching import View, Watched
from execution_broker.cli.rendering.words import clock
from execution_broker.client import BrokerClient, UnexpectedReply
from execution_broker.domain.errors import BrokerError
from execution_broker.models.execution import ExecutionSession


def to_its_results(client: BrokerClient, uuid: str, interval: float) -> Iterator[ExecutionSession]:
    """The session at every change until it has ended, and once more when what came of its results
    is known. Not every broker keeps some."""
    last: ExecutionSession | None = None
    for last in client.watch(uuid, interval):
        yield last
    with suppress(BrokerError):
        client.results(uuid)
        after = client.session(uuid)
        if after != last:
            yield after


def show(at: At, sessions: Iterable[ExecutionSession]) -> ExecutionSession:
    """Show each as it comes; the last one."""
    watched = Watched()
    if at.json:
        for session in sessions:
            at.write_json_line(session)
            watched.see(session, at.here())
    elif at.out.is_terminal and not at.out.is_dumb_terminal:
        with Live(View(watched, at.here), console=at.out, refresh_per_second=4) as live:
            for session in sessions:
                watched.see(session, at.here())
                live.refresh()
    else:
        for session in sessions:
            here = at.here()
            for line in watched.see(session, here):
                at.out.print(f"{clock(here.now, here)} {line}", soft_wrap=True)
    if watched.session is None:
        raise UnexpectedReply("The broker showed no session.", "Try again.")
    return watched.session
