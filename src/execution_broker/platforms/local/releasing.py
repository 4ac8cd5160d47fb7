"""Releasing: stop, keep the outputs, remove everything; and find what was left behind."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from execution_broker.domain import messages
from execution_broker.domain.errors import Transient
from execution_broker.platforms.local import cgroups, interactive, outputs, supervision, volumes
from execution_broker.platforms.local.components import directory_of
from execution_broker.platforms.local.files import remove_tree
from execution_broker.platforms.local.launch import session_in
from execution_broker.platforms.local.paths import SessionPaths
from execution_broker.platforms.local.processes import environment, marked
from execution_broker.platforms.local.site import Site
from execution_broker.ports.platform import Collected, Done, Holding, NotYet, Order, Outcome

_KILLING: Final = 5.0


async def release_compute(site: Site, order: Order) -> Outcome:
    ended = await site.in_thread("Stopping", lambda: _stop(site, site.paths(order), order.session))
    if not ended:
        return NotYet()
    return Done(
        connectors=(interactive.closed(),)
        if order.facts.get(order.key, {}).get("is_served")
        else None
    )


async def collect(site: Site, order: Order, seen: Mapping[str, int]) -> Collected:
    paths, results = site.paths(order), site.results(order.session)
    most = site.config.outputs_files

    def keep() -> Collected:
        site.sessions.reopen(paths)
        streams = supervision.new_output(paths.control, seen)
        kept = outputs.keep(paths, results, limit=order.outputs, most=most)
        return msgspec.structs.replace(kept, streams=streams)

    return await site.in_thread("Keeping the outputs", keep)


async def release_executable(site: Site, order: Order) -> Outcome:
    """The notebook and everything around it but the storage."""
    paths = site.paths(order)
    return await _remove(site, order, paths.work, paths.scratch, paths.control.directory)


async def release_data(site: Site, order: Order) -> Outcome:
    """What has no handle goes with its storage."""
    paths, handle = site.paths(order), order.handles.get(order.key)
    file = Path(handle) if handle else None
    if file is None or file.parent.parent != paths.storages:
        return Done()
    await site.in_thread("Removing", lambda: volumes.lift_protection(file.parent))
    return await _remove(site, order, file)


async def release_storage(site: Site, order: Order) -> Outcome:
    return await _remove(site, order, directory_of(order, site.paths(order)))


async def holdings(site: Site) -> Sequence[Holding]:
    """Sessions that have a directory, and those of which something runs without one. Environments
    that nobody needs any more are removed on this occasion: it comes again and again."""

    def look() -> list[Holding]:
        with suppress(OSError):  # what cannot be removed now is tried again the next time
            site.trim_environments(time.time())
        found = [Holding(held.session, str(held.paths.directory)) for held in site.sessions.all()]
        with_directory = {holding.session for holding in found}
        for pid, session in _running(site):
            if session not in with_directory:
                found.append(Holding(session, f"process {pid}"))
        return found

    return await site.in_thread("Listing what is here", look)


async def destroy(site: Site, session: UUID) -> None:
    def destroy_all() -> bool:
        for held in site.sessions.all():
            if held.session == session:
                _stop(site, held.paths, session)
        ended = supervision.kill(site.marks(session))
        if ended:
            site.sessions.remove(session)
        return ended

    if not await site.in_thread("Destroying", destroy_all):
        reason = "some of its processes cannot be killed"
        raise Transient(messages.PLATFORM_FAILED(what=f"Destroying {session}", reason=reason))


async def forget_results(site: Site, session: UUID) -> None:
    results = site.results(session)
    await site.in_thread("Deleting the outputs", lambda: outputs.forget(results))


def _stop(site: Site, paths: SessionPaths, session: UUID) -> bool:
    site.sessions.reopen(paths)
    ended = supervision.stop(paths.control, site.marks(session), site.config.grace)
    return cgroups.clear(paths.control.groups, str(session), _KILLING) and ended


def _running(site: Site) -> list[tuple[int, UUID]]:
    """The processes that carry this platform's marks, and the sessions they are of."""
    found = []
    for process in marked(site.marks(None)):
        session = session_in(environment(process))
        if session is not None:
            found.append((process.pid, session))
    return found


async def _remove(site: Site, order: Order, *things: Path) -> Outcome:
    paths = site.paths(order)

    def remove() -> None:
        site.sessions.reopen(paths)
        for thing in things:
            remove_tree(thing)
        site.sessions.remove_when_empty(paths, order.session)

    await site.in_thread("Removing", remove)
    return Done()
