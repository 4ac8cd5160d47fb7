"""The local platform: runs Jupyter notebooks on this machine, as batches.

Each session has a directory of its own (`paths`, `sessions`) and a shim that supervises what it
runs (`shim`, `supervision`). Both are found again by name, whatever happened to the broker. All
workers of one local platform run on the same machine and as the same user. What a notebook may do
is what that user may do: let in only people who are trusted with that.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, TypeVar
from uuid import UUID

import msgspec

from execution_broker.domain import messages
from execution_broker.domain.capability import Capability, ExecutableSupport
from execution_broker.domain.errors import Permanent, Transient
from execution_broker.models import kinds
from execution_broker.platforms.local import machine, outputs, preparing, supervision, volumes
from execution_broker.platforms.local.config import LocalConfig
from execution_broker.platforms.local.environment import KernelEnvironment
from execution_broker.platforms.local.files import remove_tree
from execution_broker.platforms.local.launch import marks, session_in
from execution_broker.platforms.local.notebook import require_notebook, source_of
from execution_broker.platforms.local.observing import observe, tell_progress
from execution_broker.platforms.local.paths import SessionPaths
from execution_broker.platforms.local.processes import environment, marked
from execution_broker.platforms.local.sessions import Sessions
from execution_broker.platforms.local.supervision import State
from execution_broker.ports.data import Access, Present
from execution_broker.ports.platform import (
    Collected,
    Done,
    Holding,
    NotYet,
    Observation,
    Order,
    Outcome,
    PlatformContext,
)

T = TypeVar("T")


class LocalPlatform:
    """This machine, for one user: each session runs under a shim of its own."""

    Config: ClassVar[type[msgspec.Struct]] = LocalConfig

    def __init__(self, name: str, config: LocalConfig, context: PlatformContext) -> None:
        self._name = name
        self._config = config
        self._context = context
        directory = context.directory.absolute()
        root = Path(config.root).absolute() if config.root else directory / "sessions"
        self._sessions = Sessions(root, directory / "register")
        self._environment = KernelEnvironment(config, directory / "kernel")
        self._kinds = {kind.kind: kind for kind in context.data_kinds.values()}

    async def report(self) -> Capability:
        config, root = self._config, self._sessions.root
        capacity = await self._in_thread(
            "The report", lambda: machine.capacity(config, root, self._context.results)
        )
        notebooks = ExecutableSupport(
            kind=kinds.JUPYTER_NOTEBOOK,
            modes=("BATCH",),
            features=frozenset({"parameters", "checks", "replace"}),
        )
        return Capability(
            capacity=capacity,
            executables=(notebooks,),
            compute=frozenset({kinds.SIMPLE_COMPUTE}),
            storage=frozenset({kinds.SIMPLE_STORAGE}),
            volumes=frozenset({kinds.SIMPLE_VOLUME}),
            data=frozenset(self._kinds),
            schemes=frozenset(s for t in self._context.transfers.values() for s in t.schemes),
            limits=config.limits,
            timings=config.timings,
            prices=config.prices,
            qualities=config.qualities,
            environment_here=self._environment.ready(),
            outputs=config.outputs,
            retention=config.retention,
            description=config.description,
        )

    async def prepare_storage(self, order: Order) -> Outcome:
        directory = await self._in_thread(
            "Making the storage", lambda: preparing.make_storage(self._make(order), order)
        )
        return Done(handle=str(directory))

    async def prepare_data(self, order: Order) -> Outcome:
        """The file belongs to the session alone: nothing here could keep it from being written."""
        resource = preparing.data_of(order.component)
        kind = self._kinds.get(str(resource.__struct_config__.tag))
        if kind is None:
            raise Permanent(
                messages.UNSUPPORTED_KIND(
                    platform=self._name,
                    place=order.key,
                    kind=resource.__struct_config__.tag,
                    known=", ".join(sorted(self._kinds)) or "none",
                )
            )
        source = preparing.require_file_name(await kind.locate(resource))
        paths = await self._in_thread("Making the session", lambda: self._make(order))
        staged = await order.stage.put(
            source,
            preparing.storage_of(resource, order.document, paths) / source.name,
            present=Present.REPLACE if resource.replace else Present.REFUSE,
            access=Access.READ_WRITE,
            progress=order.progress,
        )
        return Done(handle=staged.path, messages=staged.messages)

    async def prepare_executable(self, order: Order) -> Outcome:
        """NotYet while another session is making the environment."""
        notebook = preparing.notebook_of(order.component, self._name)
        source = source_of(notebook)
        if not await self._environment.prepare():
            return NotYet()
        paths = await self._in_thread("Making the session", lambda: self._make(order))
        staged = await order.stage.put(
            source,
            paths.control.notebook,
            present=Present.REPLACE if notebook.replace else Present.REFUSE,
            access=Access.READ_WRITE,
            progress=order.progress,
        )
        await self._in_thread(
            "Reading the notebook", lambda: require_notebook(Path(staged.path), source.name)
        )
        return Done(handle=staged.path, messages=staged.messages)

    async def prepare_compute(self, order: Order) -> Outcome:
        def prepare() -> Path:
            paths = self._make(order)
            python = self._environment.python
            whose = self._marks(order.session)
            preparing.make_ready(order, paths, self._config, python, whose, self._name)
            return paths.work

        return Done(handle=str(await self._in_thread("Making the work directory", prepare)))

    async def start(self, order: Order) -> Outcome:
        control = self._paths(order).control

        def tell() -> None:
            if not control.spec.exists():
                raise Permanent(messages.LOST(hint="What was prepared for it is gone."))
            supervision.set_deadline(control, order.ends)

        await self._in_thread("The start", tell)
        with _disk_errors("The start"):
            await supervision.start(control, self._marks(order.session))
        return Done()

    async def watch(self, order: Order, seen: Mapping[str, int]) -> Observation:
        """RUNNING also when the shim has stopped it at the end of its time: that this end has come
        is known to the broker, which releases it for that reason and no other."""
        paths = self._paths(order)

        def look() -> Observation:
            state = supervision.state(paths.control)
            if state is State.RUNNING:
                supervision.set_deadline(paths.control, order.ends)
                tell_progress(order, paths)
            streams = supervision.new_output(paths.control, seen)
            return msgspec.structs.replace(observe(state, order, paths), streams=streams)

        return await self._in_thread("Watching", look)

    async def collect(self, order: Order, seen: Mapping[str, int]) -> Collected:
        paths, results = self._paths(order), self._results(order.session)
        most = self._config.outputs_files

        def collect() -> Collected:
            self._sessions.reopen(paths)
            streams = supervision.new_output(paths.control, seen)
            kept = outputs.keep(paths, results, limit=order.outputs, most=most)
            return msgspec.structs.replace(kept, streams=streams)

        return await self._in_thread("Keeping the outputs", collect)

    async def release_compute(self, order: Order) -> Outcome:
        ended = await self._in_thread(
            "Stopping", lambda: self._stop(self._paths(order), order.session)
        )
        return Done() if ended else NotYet()

    async def release_executable(self, order: Order) -> Outcome:
        """The notebook and everything around it but the storage."""
        paths = self._paths(order)
        return await self._remove(order, paths.work, paths.scratch, paths.control.directory)

    async def release_data(self, order: Order) -> Outcome:
        """What has no handle goes with its storage."""
        paths, handle = self._paths(order), order.handles.get(order.key)
        file = Path(handle) if handle else None
        if file is None or file.parent.parent != paths.storages:
            return Done()
        await self._in_thread("Removing", lambda: volumes.lift_protection(file.parent))
        return await self._remove(order, file)

    async def release_storage(self, order: Order) -> Outcome:
        return await self._remove(order, preparing.directory_of(order, self._paths(order)))

    async def holdings(self) -> Sequence[Holding]:
        def look() -> list[Holding]:
            found = [
                Holding(held.session, str(held.paths.directory)) for held in self._sessions.all()
            ]
            with_directory = {holding.session for holding in found}
            for pid, session in self._running():
                if session not in with_directory:
                    found.append(Holding(session, f"process {pid}"))
            return found

        return await self._in_thread("Listing what is here", look)

    async def destroy(self, holding: Holding) -> None:
        def destroy() -> bool:
            for held in self._sessions.all():
                if held.session == holding.session:
                    self._stop(held.paths, held.session)
            ended = supervision.kill(self._marks(holding.session))
            if ended:
                self._sessions.remove(holding.session)
            return ended

        if not await self._in_thread("Destroying", destroy):
            reason = "some of its processes cannot be killed"
            raise Transient(
                messages.PLATFORM_FAILED(what=f"Destroying {holding.session}", reason=reason)
            )

    async def forget_results(self, session: UUID) -> None:
        results = self._results(session)
        await self._in_thread("Deleting the outputs", lambda: outputs.forget(results))

    async def close(self) -> None:
        """Nothing is held: sessions go on without the broker."""

    def _paths(self, order: Order) -> SessionPaths:
        return self._sessions.of(order.owner, order.session)

    def _make(self, order: Order) -> SessionPaths:
        return self._sessions.make(order.owner, order.session)

    def _results(self, session: UUID) -> Path:
        return self._context.results / str(session)

    def _marks(self, session: UUID) -> dict[str, str]:
        return marks(self._context.instance, self._name, session)

    def _stop(self, paths: SessionPaths, session: UUID) -> bool:
        self._sessions.reopen(paths)
        return supervision.stop(paths.control, self._marks(session), self._config.grace)

    def _running(self) -> list[tuple[int, UUID]]:
        """The processes that carry this platform's marks, and the sessions they are of."""
        found = []
        for process in marked(marks(self._context.instance, self._name, None)):
            session = session_in(environment(process))
            if session is not None:
                found.append((process.pid, session))
        return found

    async def _remove(self, order: Order, *things: Path) -> Outcome:
        def remove() -> None:
            self._sessions.reopen(self._paths(order))
            for thing in things:
                remove_tree(thing)
            self._sessions.remove_when_empty(self._paths(order), order.session)

        await self._in_thread("Removing", remove)
        return Done()

    async def _in_thread(self, what: str, work: Callable[[], T]) -> T:
        with _disk_errors(what):
            return await asyncio.to_thread(work)


@contextmanager
def _disk_errors(what: str) -> Iterator[None]:
    """Transient when the disk does not want to."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise Transient(messages.PLATFORM_FAILED(what=what, reason=reason)) from error
