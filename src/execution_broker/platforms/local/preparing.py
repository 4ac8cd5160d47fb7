"""Making ready: what the components of a session become in its directory."""

from collections.abc import Mapping
from pathlib import Path

from execution_broker.domain import messages
from execution_broker.domain.demand import data_key
from execution_broker.domain.errors import Permanent, Transient
from execution_broker.models.component import LifecycleComponent
from execution_broker.models.executable import JupyterNotebook
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.resources import DataBase, SimpleStorage
from execution_broker.platforms.local import volumes
from execution_broker.platforms.local.config import LocalConfig
from execution_broker.platforms.local.files import tree_size
from execution_broker.platforms.local.launch import environment_of, write_spec
from execution_broker.platforms.local.machine import free_bytes
from execution_broker.platforms.local.notebook import source_of
from execution_broker.platforms.local.paths import SessionPaths
from execution_broker.ports.data import Source
from execution_broker.ports.platform import Order


def make_storage(paths: SessionPaths, order: Order) -> Path:
    """The directory of a storage resource. Transient when the disk has not that much left."""
    assert isinstance(order.component, SimpleStorage)
    directory = directory_of(order, paths)
    directory.mkdir(parents=True, exist_ok=True)
    size = order.component.size
    needed = ((size.min if size else None) or 0) << 30
    free = free_bytes(directory)
    if free < needed - tree_size(directory):
        raise Transient(messages.NO_SPACE(file=order.key, needed=needed, free=free))
    return directory


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


def data_of(component: LifecycleComponent) -> DataBase:
    assert isinstance(component, DataBase)
    return component


def notebook_of(component: LifecycleComponent | None, platform: str) -> JupyterNotebook:
    """The notebook, if it is one that can be run here."""
    kind = None if component is None else component.__struct_config__.tag
    if not isinstance(component, JupyterNotebook):
        raise Permanent(
            messages.UNSUPPORTED_KIND(
                platform=platform, place="The executable", kind=kind, known="notebooks"
            )
        )
    if component.mode != "BATCH":
        mode = component.mode or "INTERACTIVE"
        raise Permanent(
            messages.UNSUPPORTED_MODE(platform=platform, kind=kind, known="BATCH", mode=mode)
        )
    return component


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


def make_ready(
    order: Order,
    paths: SessionPaths,
    config: LocalConfig,
    python: Path,
    marks: Mapping[str, str],
    platform: str,
) -> None:
    """Volumes in place, environment and command written down: all but the start."""
    document = order.document
    assert document.compute is not None
    notebook = notebook_of(document.executable, platform)
    name = source_of(notebook).name
    files = {
        uuid_of(data): (data, Path(order.handles[data_key(index)]))
        for index, data in enumerate(document.data)
    }
    mounts = volumes.mounts_of(document, paths, {uuid: file for uuid, (_, file) in files.items()})
    volumes.put_in_place(mounts, paths.work, taken=name)
    names = {
        volumes.variable("DATA", (data.meta.name if data.meta else None) or file.name): str(file)
        for data, file in files.values()
    }
    environment = {
        **environment_of(paths, config, python, document.compute),
        **names,
        **volumes.variables(mounts, paths.work),
        **marks,
    }
    write_spec(
        paths,
        config=config,
        python=python,
        notebook=notebook,
        name=name,
        environment=environment,
        mounts=mounts,
        inputs=[file for _, file in files.values()],
    )


def uuid_of(component: LifecycleComponent) -> str:
    uuid = component.meta.uuid if component.meta else None
    assert uuid is not None
    return uuid.lower()
