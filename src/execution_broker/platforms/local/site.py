"""One local platform: what all its steps need to know of it."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from execution_broker.domain import messages
from execution_broker.domain.errors import Transient
from execution_broker.platforms.local.config import LocalConfig
from execution_broker.platforms.local.environment import KernelEnvironment
from execution_broker.platforms.local.files import read_json
from execution_broker.platforms.local.keeping import Limits, trim
from execution_broker.platforms.local.launch import marks
from execution_broker.platforms.local.paths import SessionPaths
from execution_broker.platforms.local.requirements import Environments
from execution_broker.platforms.local.sessions import Sessions
from execution_broker.ports.data import DataKind
from execution_broker.ports.platform import Order, PlatformContext

T = TypeVar("T")


class Site:
    def __init__(self, name: str, config: LocalConfig, context: PlatformContext) -> None:
        directory = context.directory.absolute()
        root = Path(config.root).absolute() if config.root else directory / "sessions"
        self.name = name
        self.config = config
        self.context = context
        self.sessions = Sessions(root, directory / "register")
        self.kernel = KernelEnvironment(config, directory / "kernel")
        self.environments = Environments(config, self.kernel, directory / "environments")
        self._places = directory / "kernel", directory / "environments"
        self.kinds: Mapping[str, DataKind] = context.data_kinds

    def paths(self, order: Order) -> SessionPaths:
        """Where the session's directory is, or would be."""
        return self.sessions.of(order.owner, order.session)

    def make(self, order: Order) -> SessionPaths:
        """The session's directory, made where it is missing."""
        return self.sessions.make(order.owner, order.session)

    def results(self, session: UUID) -> Path:
        return self.context.results / str(session)

    def marks(self, session: UUID | None) -> dict[str, str]:
        """What tells the processes of a session, or of all of them, from others."""
        return marks(self.context.instance, self.name, session)

    async def in_thread(self, what: str, work: Callable[[], T]) -> T:
        with disk_errors(what):
            return await asyncio.to_thread(work)

    def trim_environments(self, now: float) -> None:
        """Remove those that no session uses and the configuration does not allow any more. `now` in
        seconds since 1970. Blocks; OSError when one cannot be removed."""
        config = self.config
        limits = Limits(
            config.environments, config.environments_age, config.environments_size << 20
        )
        trim(self._places, limits, self._environments_used, now)

    def _environments_used(self) -> frozenset[str]:
        """Those that a session has chosen, and the one for all notebooks."""
        chosen = (read_json(held.paths.control.environment) for held in self.sessions.all())
        names = {name for one in chosen if one is not None for name in one.values()}
        return frozenset(str(name) for name in {*names, self.kernel.name})


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Transient when the disk does not want to."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise Transient(messages.PLATFORM_FAILED(what=what, reason=reason)) from error
