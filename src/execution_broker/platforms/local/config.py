"""What an operator may set for a local platform."""

from typing import Annotated, Final

import msgspec

from execution_broker.domain.amounts import UNITS, FurtherName
from execution_broker.domain.capability import Limits, Price, Quality, Timings
from execution_broker.domain.requirements import USUAL
from execution_broker.models import kinds

Natural = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(gt=0)]


PRICES: Final = (
    Price(type=kinds.COST_MONETARY),
    Price(type=kinds.COST_ENERGY, per_core_hour=0.01, uncertainty=0.5),
)
QUALITIES: Final = (Quality(type=kinds.METRIC_COMPUTE, min=1.0, max=1.0, per_core=True),)


class LocalConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All optional. What is not set is found out from the machine.

    `root`: where session directories go. `cores`, `memory` (GiB) and `storage` (GiB) are what is
    offered in all; by default storage is what is free, less `reserve` (GiB) and the outputs.
    `amounts`: what else is counted, by name (gpus, licences), and how much there is in all; a
    session that asks for some has `BROKER_AMOUNT_<NAME>` in its environment. Which of them are
    its own the broker does not say.
    `outputs_capacity` and `outputs` are MiB, in all and for each session; `outputs_files` is how
    many files are kept of one session, for `retention` seconds. `limits`: the most of one session;
    `timings`: what is promised. `description` is for people.

    `kernel_python` is a Python that has papermill and ipykernel, and for interactive sessions
    jupyter-server (jupyterlab for a page to look at). By default the platform makes an environment
    with all these and `packages` (requirement strings), from where pip is configured for.
    `pip_options` are further options for every installation, like `--find-links` and a directory.
    `install_limit`: seconds that an installation may take. Where single notebooks have requirements
    wheels alone are installed, unless `pip_options` has `--only-binary` and `:none:`.
    `environments`: how many are kept, with the requirements of notebooks or with other `packages`,
    for `environments_age` seconds after the last use, `environments_size` MiB in all; what a
    session uses always is.

    `processes`: the most processes and threads that a session may have at the same time.

    `control_groups`: whether the kernel is asked to hold a session to its memory and processes,
    where the machine allows that. They are metered in any case.

    `environment` is added to the environment of every notebook: a proxy, certificates. No secrets.
    `stream_limit`: bytes kept of the beginning and of the end of stdout and stderr, each.
    `output_wait`: seconds that the output of a cell may take to arrive once the cell has finished.
    `grace`: seconds that a stopped notebook has to save itself, and again to end before it is
    killed.
    `overtime`: seconds after the end of its time before a session is stopped though no worker says
    so. One that is there says so at once; until then a change of the duration still counts.
    """

    root: str | None = None
    cores: Positive | None = None
    memory: Positive | None = None
    storage: Natural | None = None
    reserve: Natural = 5
    amounts: dict[FurtherName, Natural] = {}
    outputs_capacity: Natural = 20480
    outputs: Natural = 512
    outputs_files: Positive = 10_000
    retention: Natural = 7 * 86400
    kernel_python: str | None = None
    packages: tuple[str, ...] = USUAL
    pip_options: tuple[str, ...] = ()
    install_limit: Positive = 1800
    environments: Positive = 20
    environments_age: Natural = 30 * 86400
    environments_size: Natural = 20480
    processes: Positive = 1024
    control_groups: bool = True
    environment: dict[str, str] = {}
    stream_limit: Positive = 1 << 20
    output_wait: Positive = 600
    grace: Annotated[float, msgspec.Meta(gt=0, le=60)] = 3.0
    overtime: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 10.0
    limits: Limits = Limits()
    timings: Timings = Timings()
    description: str = "This machine"

    def __post_init__(self) -> None:
        for name in sorted(self.amounts.keys() & UNITS.keys()):
            raise ValueError(f"amounts: {name} has a key of its own")
