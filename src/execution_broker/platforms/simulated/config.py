"""What an operator may set for a simulated platform: all that it seems to be."""

from typing import Annotated, Final, Literal, get_args

import msgspec

from execution_broker.domain.amounts import FurtherName
from execution_broker.domain.capability import Flavour, Limits, Timings

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Natural = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(gt=0)]


class Distribution(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="distribution"
):
    """A delay that differs from session to session; never less than zero."""


class Uniform(Distribution, frozen=True, kw_only=True, tag="uniform"):
    """Anything between `low` and `high` seconds is equally likely."""

    low: Seconds
    high: Seconds


class Normal(Distribution, frozen=True, kw_only=True, tag="normal"):
    """`mean` and standard `deviation` in seconds."""

    mean: Seconds
    deviation: Seconds


class Lognormal(Distribution, frozen=True, kw_only=True, tag="lognormal"):
    """Half of all take less than `median` seconds; `sigma` is the deviation of the logarithm."""

    median: Seconds
    sigma: Seconds


class Exponential(Distribution, frozen=True, kw_only=True, tag="exponential"):
    """`mean` seconds, as between events that happen at random."""

    mean: Seconds


Delay = Seconds | Uniform | Normal | Lognormal | Exponential


class Delays(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long each operation really takes: seconds, or a table with `distribution` = `uniform`,
    `normal`, `lognormal` or `exponential`. The same session always takes the same.

    `latency` is added to every call before it answers at all.
    """

    latency: Delay = 0.0
    prepare_storage: Delay = 0.0
    prepare_data: Delay = 0.0
    prepare_executable: Delay = 0.0
    prepare_compute: Delay = 0.0
    start: Delay = 0.0
    release_compute: Delay = 0.0
    release_executable: Delay = 0.0
    release_data: Delay = 0.0
    release_storage: Delay = 0.0


class Failure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The share of calls that fail and may be tried again (`transient`), and the share of sessions
    in which it fails for good (`fatal`), between 0 and 1."""

    transient: Share = 0.0
    fatal: Share = 0.0


class Failures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often each operation fails. `run`: the share of sessions whose executable ends badly."""

    report: Failure = Failure()
    prepare_storage: Failure = Failure()
    prepare_data: Failure = Failure()
    prepare_executable: Failure = Failure()
    prepare_compute: Failure = Failure()
    start: Failure = Failure()
    watch: Failure = Failure()
    collect: Failure = Failure()
    release_compute: Failure = Failure()
    release_executable: Failure = Failure()
    release_data: Failure = Failure()
    release_storage: Failure = Failure()
    run: Share = 0.0


class Access(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A connector of interactive sessions: what `kind` of door it is, and the `protocol` spoken
    there. In `location` `{session}` and `{token}` are filled in; every session has a token of its
    own."""

    kind: str = "urn:execution-broker:connector:notebook"
    protocol: str = "HTTPS"
    location: str = "https://simulated.invalid/{session}/?token={token}"


ExecutableWord = Literal["docker-container", "singularity-container", "jupyter-notebook"]
DataWord = Literal[
    "simple-data-resource",
    "S3-data-resource",
    "rucio-data-resource",
    "ivoa-data-resource",
    "skao-data-resource",
]
_CAPACITY: Final = {"cores": 1000, "memory": 4000, "storage": 100_000, "outputs": 10_000}


class SimulatedConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All optional.

    `takes`: requests whose executable is at `simulated://` (`marked`), or every request
    (`everything`): the latter where there is nothing real beside it, or to test clients with the
    requests they really make. `world`: the file that everything happens in, shared by all processes
    of this machine that simulate the same place. `seed`: another one gives other delays and faults.

    `capacity` in all, by amount: cores, memory (GiB), storage (GiB), outputs (MiB), and by names of
    one's own what else it counts (gpus, licences), which requests ask for as `compute.amounts`.
    `flavours` are fixed sizes of compute. `executables` and `data`: the kinds it takes.
    `changeable`: what can be changed of a session that was accepted: `duration`, `cores`, `memory`,
    and amounts of one's own by name; of a flavour neither cores nor memory.
    `cached_images` (patterns) and `cached_data` (sha256) are here already: they take no time.

    `limits`: the most of one session. `connectors`: where interactive sessions are said to be.
    `failures`: how often what goes wrong. `description` is for people.

    `timings` is what it promises, `delays` is what happens; staging data takes as long as its size
    (of `checks`) at `bandwidth` bytes/s, too. An executable runs for `run`, unless the environment
    of its container or the parameters of its notebook have `SIMULATED_RUN` (seconds, or `forever`);
    `SIMULATED_STATUS` is how it ends. Interactive notebooks run for all of their time.

    `results`: the outputs that every session leaves, as bytes by file name; `outputs` is the MiB
    booked for them, kept for `retention` seconds.
    """

    takes: Literal["marked", "everything"] = "marked"
    world: str | None = None
    seed: int = 0
    capacity: dict[FurtherName, Natural] = msgspec.field(default_factory=lambda: dict(_CAPACITY))
    flavours: tuple[Flavour, ...] = ()
    limits: Limits = Limits()
    executables: tuple[ExecutableWord, ...] = get_args(ExecutableWord)
    data: tuple[DataWord, ...] = get_args(DataWord)
    changeable: frozenset[str] = frozenset({"duration", "cores", "memory"})
    cached_images: tuple[str, ...] = ()
    cached_data: frozenset[str] = frozenset()
    timings: Timings = Timings(
        storage=1,
        executable_here=1,
        executable_not_here=2,
        compute=1,
        release=2,
        here=1,
        not_here=10,
        throughput=1_000_000_000,
    )
    delays: Delays = Delays()
    bandwidth: Positive | None = None
    run: Delay = 5.0
    failures: Failures = Failures()
    connectors: tuple[Access, ...] = (Access(),)
    results: dict[str, Natural] = {}
    outputs: Natural = 0
    retention: Natural = 86400
    description: str = "Simulated: runs nothing"
