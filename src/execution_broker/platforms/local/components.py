"""The components of a session as this platform takes them."""

from pathlib import Path

from execution_broker.domain import messages
from execution_broker.domain.errors import Permanent
from execution_broker.models.component import LifecycleComponent
from execution_broker.models.executable import JupyterNotebook, Mode
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.resources import DataBase, SimpleCompute
from execution_broker.platforms.local.paths import SessionPaths
from execution_broker.ports.data import Source
from execution_broker.ports.platform import Order


def notebook_of(component: LifecycleComponent | None, platform: str) -> JupyterNotebook:
    """The notebook, if it is one."""
    if not isinstance(component, JupyterNotebook):
        kind = None if component is None else component.__struct_config__.tag
        raise Permanent(
            messages.UNSUPPORTED_KIND(
                platform=platform, place="The executable", kind=kind, known="notebooks"
            )
        )
    return component


def mode_of(notebook: JupyterNotebook) -> Mode:
    return notebook.mode or "INTERACTIVE"


def data_of(component: LifecycleComponent) -> DataBase:
    assert isinstance(component, DataBase)
    return component


def directory_of(order: Order, paths: SessionPaths) -> Path:
    """Where a storage resource is, by its key and its identity."""
    index = int(order.key.partition("/")[2])
    return paths.storage(index, uuid_of(order.component))


def storage_of(resource: DataBase, document: ExecutionSession, paths: SessionPaths) -> Path:
    """The directory of the storage that a data resource goes to."""
    wanted = (resource.storage or "").lower()
    uuids = [uuid_of(storage) for storage in document.storage]
    if wanted not in uuids:
        raise Permanent(
            messages.UNKNOWN_REFERENCE(
                place="The storage of a data resource",
                reference=resource.storage,
                target="storage",
                known=", ".join(uuids) or "none",
            )
        )
    return paths.storage(uuids.index(wanted), wanted)


def memory_of(compute: SimpleCompute) -> int:
    """The bytes of memory that are booked."""
    return ((compute.memory.min if compute.memory else None) or 1) << 30


def require_file_name(source: Source) -> Source:
    """The source, if its name can be one of a file: what a kind of data says is not believed."""
    if Path(source.name).name != source.name or "\0" in source.name or source.name == "..":
        raise Permanent(
            messages.BAD_VALUE(
                place="The name of a data resource",
                value=repr(source.name),
                reason="it is no name of a file",
            )
        )
    return source


def uuid_of(component: LifecycleComponent) -> str:
    uuid = component.meta.uuid if component.meta else None
    assert uuid is not None
    return uuid.lower()
