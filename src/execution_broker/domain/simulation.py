"""Which requests want to be simulated: those whose executable is at `simulated://`.

No registry and no web server has such an address, so that nobody gets a simulated session who did
not ask for one, and nobody who did gets a real one.
"""

from typing import Final, assert_never

from execution_broker.domain.capability import Capability
from execution_broker.models.executable import (
    DockerContainer,
    Executable,
    JupyterNotebook,
    SingularityContainer,
)

MARK: Final = "simulated://"


def is_marked(executable: Executable | None) -> bool:
    """Whether it asks to be simulated. Of an image with several locations any will do."""
    return any(location.lower().startswith(MARK) for location in locations(executable))


def takes(capability: Capability, executable: Executable | None) -> bool:
    """Whether a platform is there for this executable: real ones for real things, and all for one
    that nobody could read."""
    if executable is None:
        return True
    match capability.simulates:
        case "nothing":
            return not is_marked(executable)
        case "marked":
            return is_marked(executable)
        case "everything":
            return True
        case _ as never:
            assert_never(never)


def locations(executable: Executable | None) -> tuple[str, ...]:
    """Where an executable is said to be."""
    match executable:
        case DockerContainer():
            return executable.image.locations if executable.image else ()
        case JupyterNotebook() | SingularityContainer():
            return (executable.location,) if executable.location else ()
        case None:
            return ()
        case _ as never:
            assert_never(never)
