"""A platform that runs nothing and does what a notebook's parameters tell it to.

Its world is a directory, so that it outlives the broker: one file for each thing that was made,
and a log of every creation and removal. `parameters` of the notebook may have `script`, by call:
`{"prepare_data": "transient"}` fails once, `"permanent"` always, `"crash"` raises what no plugin
should, `"slow"` is asked again once, `"later"` after a moment, `"remember"` with what it
was told to remember, `"large"` tells
of 4 MiB, `"hang"` never returns, `"drip"` neither, 190 of 100 000 bytes later, `"never"` is asked
again for ever, `"hang-once"` returns the second time, `"deaf"` heeds no cancellation and ends when
its mark is removed, `"held"` until then, and no more once its mark says that it has gone on;
`"stage"` puts what is asked for
in its world, `"tell"` fails and tells all that it was asked, `"shout"` raises all of it;
`{"run": "fail" | "forever" | "idle"}`, where nothing is done unless there is a file `used` beside
the log.
`{"prepare_compute": "connect"}` opens a connector, `{"collect": "fault"}` finds a fault.

While there is a file `away` beside the log, every call for a session fails as its place is away.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from execution_broker.domain import messages
from execution_broker.domain.amounts import CORES, MEMORY, OUTPUTS, STORAGE
from execution_broker.domain.capability import Capability, ExecutableSupport, Limits, Price, Timings
from execution_broker.domain.errors import Permanent, Transient
from execution_broker.models import kinds
from execution_broker.models.executable import Checks, JupyterNotebook
from execution_broker.models.execution import Connector
from execution_broker.ports.data import Access, Present, Source, Staged
from execution_broker.ports.platform import (
    Collected,
    Done,
    Holding,
    Kept,
    Life,
    NotYet,
    Observation,
    Order,
    Outcome,
    PlatformContext,
    StreamPart,
)

SECRET = "token=a-secret-of-the-owner"


class ScriptedConfig(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    cores: int = 4
    memory: int = 16
    storage: int = 100
    outputs: int = 1000
    prepare: int = 0
    most_outputs: int = 1
    fixed_starts: bool = False
    price: float = 0.0
    longest: int | None = None
    further: dict[str, int] = {}
    changeable: tuple[str, ...] = ("duration", "cores", "memory")
    timings: Timings | None = None


class ScriptedPlatform:
    Config = ScriptedConfig

    def __init__(self, name: str, config: ScriptedConfig, context: PlatformContext) -> None:
        self.name = name
        self.config = config
        self.instance = context.instance
        self.results = context.results
        self.kinds = context.data_kinds
        self.world = context.directory / "world"
        self.world.mkdir(exist_ok=True)
        self.log = context.directory / "log"
        self.is_closed = False

    async def report(self) -> Capability:
        config = self.config
        return Capability(
            capacity={
                CORES: config.cores,
                MEMORY: config.memory,
                STORAGE: config.storage,
                OUTPUTS: config.outputs,
                **config.further,
            },
            executables=(
                ExecutableSupport(
                    kind=kinds.JUPYTER_NOTEBOOK,
                    modes=("BATCH",),
                    features=frozenset({"parameters", "checks", "replace"}),
                ),
            ),
            compute=frozenset({kinds.SIMPLE_COMPUTE}),
            storage=frozenset({kinds.SIMPLE_STORAGE}),
            volumes=frozenset({kinds.SIMPLE_VOLUME}),
            data=frozenset({kinds.SIMPLE_DATA}),
            schemes=frozenset({"http", "https", "file", "upload"}),
            limits=Limits(duration=config.longest),
            timings=config.timings
            or Timings(
                storage=0, executable_here=0, compute=config.prepare, release=1, throughput=1 << 40
            ),
            prices=(Price(type=kinds.COST_MONETARY, per_core_hour=config.price),),
            changeable=frozenset(config.changeable),
            fixed_starts=config.fixed_starts,
            outputs=config.most_outputs,
            retention=3600,
            description="A platform for tests",
        )

    async def prepare_storage(self, order: Order) -> Outcome:
        return await self._make(order, "prepare_storage")

    async def prepare_data(self, order: Order) -> Outcome:
        return await self._make(order, "prepare_data")

    async def prepare_executable(self, order: Order) -> Outcome:
        return await self._make(order, "prepare_executable")

    async def prepare_compute(self, order: Order) -> Outcome:
        made = await self._make(order, "prepare_compute")
        if isinstance(made, Done) and _script(order).get("prepare_compute") == "connect":
            connector = Connector(kind="urn:x", status="AVAILABLE", location=f"http://x/?{SECRET}")
            return msgspec.structs.replace(made, connectors=(connector,))
        return made

    async def start(self, order: Order) -> Outcome:
        await self._follow(order, "start")
        started = self._place(order).with_suffix(".started")
        if not started.exists():
            self._note("start", order)
            started.touch()
        return Done()

    async def watch(self, order: Order, seen: Mapping[str, int]) -> Observation:
        await self._follow(order, "watch")
        text = b"hello from the script\n"
        streams = () if seen.get("stdout") else (StreamPart("stdout", 0, text),)
        match _script(order).get("run"):
            case "forever":
                return Observation(life=Life.RUNNING, streams=streams)
            case "idle":
                is_used = self.log.with_name("used").exists()
                idle = 0.0 if is_used else 100.0
                return Observation(life=Life.RUNNING, streams=streams, idle=idle, seconds=0.05)
            case "fail":
                return Observation(life=Life.FAILED, status=1, streams=streams)
            case _:
                return Observation(life=Life.SUCCEEDED, status=0, streams=streams)

    async def collect(self, order: Order, seen: Mapping[str, int]) -> Collected:
        await self._follow(order, "collect")
        kept = self.results / str(order.session) / "answer.txt"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text("42\n")
        sha256 = "084c799cd551dd1d8d5c5f9a5d593b2e931f5e36122ee5c793c1d08a19839cc0"
        faulty = _script(order).get("collect") == "fault"
        fault = messages.INPUT_CHANGED(file="/in/a.txt", reason="as the script says")
        return Collected(
            outputs=(Kept("answer.txt", 3, sha256),), faults=(fault,) if faulty else ()
        )

    async def release_compute(self, order: Order) -> Outcome:
        self._place(order).with_suffix(".started").unlink(missing_ok=True)
        removed = await self._remove(order, "release_compute")
        if _script(order).get("prepare_compute") == "connect":
            return Done(connectors=(Connector(kind="urn:x", status="FINISHED"),))
        return removed

    async def release_executable(self, order: Order) -> Outcome:
        return await self._remove(order, "release_executable")

    async def release_data(self, order: Order) -> Outcome:
        return await self._remove(order, "release_data")

    async def release_storage(self, order: Order) -> Outcome:
        return await self._remove(order, "release_storage")

    async def holdings(self) -> Sequence[Holding]:
        return [Holding(UUID(d.name), str(d)) for d in self.world.iterdir() if list(d.iterdir())]

    async def destroy(self, holding: Holding) -> None:
        """While there is a file `lingers` beside the log, what is destroyed is still there."""
        if self.log.with_name("lingers").exists():
            return
        for made in (self.world / holding.handle).iterdir():
            made.unlink()

    async def forget_results(self, session: UUID) -> None:
        (self.results / str(session) / "answer.txt").unlink(missing_ok=True)

    async def close(self) -> None:
        self.is_closed = True

    async def _make(self, order: Order, call: str) -> Outcome:
        place = self._place(order)
        place.parent.mkdir(exist_ok=True)
        if not place.exists():
            self._note("create", order)
            place.write_text(order.name)
        match await self._follow(order, call):
            case "slow" | "never":
                return NotYet()
            case "later":
                return NotYet(seconds=0.6)
            case "remember":
                return self._remembering(order, str(place))
            case "stage":
                staged = await self._stage(order, place.with_name(f"{place.name}-content"))
                return Done(handle=str(place), messages=staged.messages)
            case "shout":
                raise ValueError(f"cannot do {order}") from OSError(str(order.component))
            case "tell":
                raise Permanent(messages.PLATFORM_FAILED(what=call, reason=str(order)))
            case "large":
                order.progress(4 << 20, 4 << 20, "bytes")
            case "drip":
                order.progress(190, 100_000, "bytes")
                await asyncio.Event().wait()
        return Done(handle=str(place))

    def _remembering(self, order: Order, place: str) -> Outcome:
        known = order.facts.get(order.key)
        if known is None:
            return NotYet(handle=place, facts={"first": order.key})
        return Done(facts={**known, "then": order.handles[order.key] == place})

    async def _stage(self, order: Order, target: Path) -> Staged:
        match order.component:
            case JupyterNotebook(location=location, checks=checks):
                source = Source(location or "", "notebook", checks or Checks())
            case component:
                source = await self.kinds[str(component.__struct_config__.tag)].locate(component)
        return await order.stage.put(
            source,
            target,
            present=Present.REPLACE,
            access=Access.READ_WRITE,
            progress=order.progress,
        )

    async def _remove(self, order: Order, call: str) -> Outcome:
        await self._follow(order, call)
        self._place(order).with_name(f"{self._place(order).name}-content").unlink(missing_ok=True)
        place = self._place(order)
        if place.exists():
            self._note("remove", order)
            place.unlink()
        return Done()

    async def _follow(self, order: Order, call: str) -> str:
        """Do what the script says of this call; what is done once leaves a mark."""
        self._require_there(call)
        told = str(_script(order).get(call, ""))
        mark = self.log.with_name(f"mark-{order.session}-{order.key.replace('/', '-')}-{call}")
        once = told in ("transient", "slow", "later", "hang-once") and mark.exists()
        if once or mark.with_name(f"{mark.name}-gone-on").exists():
            return ""
        mark.touch()
        if told == "held":
            await self._hold(mark)
            self._require_there(call)
        match told:
            case "transient":
                raise Transient(messages.STEP_FAILED(step=call, reason="as the script says"))
            case "permanent":
                raise Permanent(messages.STEP_FAILED(step=call, reason="as the script says"))
            case "crash":
                raise ZeroDivisionError("as the script says")
            case "hang" | "hang-once":
                await asyncio.Event().wait()
            case "deaf":
                while mark.exists() and not self.is_closed:
                    with suppress(asyncio.CancelledError):
                        await asyncio.sleep(0.01)
        return told

    async def _hold(self, mark: Path) -> None:
        while mark.exists() and not self.is_closed:  # noqa: ASYNC110, ASYNC240 - another process may remove it
            await asyncio.sleep(0.01)

    def _require_there(self, call: str) -> None:
        if self.log.with_name("away").exists():
            raise Transient(messages.STEP_FAILED(step=call, reason="the place is away"))

    def _place(self, order: Order) -> Path:
        return self.world / str(order.session) / order.key.replace("/", "-")

    def _note(self, what: str, order: Order) -> None:
        with self.log.open("a") as log:
            log.write(json.dumps([what, str(order.session), order.key]) + "\n")


def _script(order: Order) -> Mapping[str, Any]:
    executable = order.document.executable
    assert isinstance(executable, JupyterNotebook)
    script = executable.parameters.get("script", {})
    assert isinstance(script, dict)
    return script
