"""What the doctor looks at behind the doors: every plugin, and every platform's own report."""

import asyncio
from collections.abc import Iterator
from typing import Final

from execution_broker.cli.doctor.findings import Finding, fail, ok, warn
from execution_broker.config import Settings
from execution_broker.domain.capability import Capability
from execution_broker.domain.errors import BrokerError
from execution_broker.factory import examining
from execution_broker.models.kinds import short
from execution_broker.ports import registry

_PATIENCE: Final = 30.0


def plugins() -> Iterator[Finding]:
    """What is installed and cannot be used. (What is configured has been loaded already.)"""
    found = [one for group in registry.GROUPS for one in registry.installed(group)]
    broken = [one for one in found if one.problem]
    for one in broken:
        yield warn(
            "plugins",
            f"{one.group}.{one.name} of {one.package} {one.version} cannot be used: {one.problem}",
            "Repair or remove that package; nobody else is hindered.",
        )
    if not broken:
        yield ok("plugins", f"{len(found)} can be used")


async def platforms(settings: Settings) -> list[Finding]:
    """Each platform is made and asked what it can do, as a worker does, all at the same time."""
    return list(await asyncio.gather(*(_platform(settings, name) for name in settings.platforms)))


async def _platform(settings: Settings, name: str) -> Finding:
    title, plugin = f"platform {name}", settings.platforms[name][0]
    remedy = f"See its page of documentation, and platforms.{name} of the configuration."
    try:
        async with asyncio.timeout(_PATIENCE):
            return ok(title, _words(await examining.platform_report(settings, name)))
    except TimeoutError:
        reason = f"{plugin} does not report within {_PATIENCE:.0f} s"
    except BrokerError as error:
        reason = f"{plugin} cannot report: {error.sentence}"
    except Exception as error:  # a plugin may raise whatever its author did not think of
        reason = f"{plugin} cannot report: {type(error).__name__}: {error}"
    return fail(title, reason, remedy)


def _words(capability: Capability) -> str:
    runs = ", ".join(short(support.kind) for support in capability.executables) or "nothing"
    amounts = ", ".join(f"{name} {amount}" for name, amount in capability.capacity.items())
    return f"runs {runs}; {amounts}"
