"""Preparing: what the components of a session become in its directory."""

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final, assert_never
from urllib.parse import quote

from execution_broker.domain import messages
from execution_broker.domain.demand import data_key
from execution_broker.domain.errors import Permanent, Transient
from execution_broker.domain.naming import variables
from execution_broker.models.executable import JupyterNotebook
from execution_broker.models.resources import DataBase, SimpleStorage
from execution_broker.platforms.local import interactive, kernels, supervision, volumes
from execution_broker.platforms.local.components import (
    data_of,
    directory_of,
    mode_of,
    notebook_of,
    require_file_name,
    storage_of,
    uuid_of,
)
from execution_broker.platforms.local.file_names import name_in_storage
from execution_broker.platforms.local.files import read_json, tree_size, write_json
from execution_broker.platforms.local.launch import Command, environment_of, write_spec
from execution_broker.platforms.local.machine import free_bytes
from execution_broker.platforms.local.notebook import one_line, require_notebook, source_of
from execution_broker.platforms.local.paths import SessionPaths
from execution_broker.platforms.local.protecting import note_staged
from execution_broker.platforms.local.site import Site, disk_errors
from execution_broker.platforms.local.supervision import Exit, State
from execution_broker.ports.data import Access, Present
from execution_broker.ports.platform import Done, NotYet, Order, Outcome

_STARTING: Final = 120.0
"""Seconds that a Jupyter server may take until it answers."""


async def prepare_storage(site: Site, order: Order) -> Outcome:
    """The directory of a storage resource. Transient when the disk has not that much left."""
    assert isinstance(order.component, SimpleStorage)
    size = order.component.size
    needed = ((size.min if size else None) or 0) << 30

    def make() -> Path:
        directory = directory_of(order, site.make(order))
        directory.mkdir(parents=True, exist_ok=True)
        free = free_bytes(directory)
        if free < needed - tree_size(directory):
            raise Transient(messages.NO_SPACE(file=order.key, needed=needed, free=free))
        return directory

    return Done(handle=str(await site.in_thread("Making the storage", make)))


async def prepare_data(site: Site, order: Order) -> Outcome:
    """The file belongs to the session alone: nothing here could keep it from being written."""
    resource = data_of(order.component)
    kind = site.kinds.get(str(resource.__struct_config__.tag))
    if kind is None:
        raise Permanent(
            messages.UNSUPPORTED_KIND(
                platform=site.name,
                place=order.key,
                kind=resource.__struct_config__.tag,
                known=", ".join(sorted(site.kinds)) or "none",
            )
        )
    source = require_file_name(await kind.locate(resource))
    name = await name_in_storage(site, order, source.name)
    paths = await site.in_thread("Making the session", lambda: site.make(order))
    storage = storage_of(resource, order.document, paths)
    staged = await order.stage.put(
        source,
        storage / name,
        present=_present(resource),
        access=Access.READ_WRITE,
        progress=order.progress,
        storage=storage,
    )
    index = int(order.key.partition("/")[2])
    with disk_errors("Noting the checksum"):
        note_staged(paths, index, staged.path, staged.sha256)
    return Done(handle=staged.path, messages=staged.messages)


async def prepare_executable(site: Site, order: Order) -> Outcome:
    """The notebook, and an environment for it. NotYet while another session is making that."""
    notebook = notebook_of(order.component, site.name)
    source = source_of(notebook)
    paths = await site.in_thread("Making the session", lambda: site.make(order))
    if not paths.control.environment.exists():
        _choose(paths, base=site.kernel.name)
    if not await site.kernel.prepare(mode_of(notebook), order.progress):
        return NotYet()
    if notebook.requirements:
        own = site.environments.name(notebook.requirements)
        _choose(paths, base=site.kernel.name, own=own)
        if not await site.environments.prepare(notebook.requirements, order.progress):
            return NotYet()
    staged = await order.stage.put(
        source,
        paths.control.notebook,
        present=_present(notebook),
        access=Access.READ_WRITE,
        progress=order.progress,
    )
    await site.in_thread(
        "Reading the notebook", lambda: require_notebook(Path(staged.path), source.name, site.name)
    )
    return Done(handle=staged.path, messages=staged.messages)


async def prepare_compute(site: Site, order: Order) -> Outcome:
    """All but the start of a batch; of an interactive session also that: it can be used now."""
    paths = await site.in_thread("Making the session", lambda: site.make(order))
    notebook = notebook_of(order.document.executable, site.name)
    if not paths.control.shim.exists():
        with disk_errors("Making the work directory"):
            await _make_ready(site, order, paths, notebook)
    match mode_of(notebook):
        case "BATCH":
            return Done(handle=str(paths.work))
        case "INTERACTIVE":
            return await _serve(site, order, paths)
        case _ as never:
            assert_never(never)


def _choose(paths: SessionPaths, **names: str | None) -> None:
    with disk_errors("Choosing the environment"):
        write_json(paths.control.environment, {k: name for k, name in names.items() if name})


async def _make_ready(
    site: Site, order: Order, paths: SessionPaths, notebook: JupyterNotebook
) -> None:
    """Volumes in place, environment and command written down."""
    document = order.document
    assert document.compute is not None
    name = source_of(notebook).name
    files = {
        uuid_of(data): (data, Path(order.handles[data_key(index)]))
        for index, data in enumerate(document.data)
    }
    mounts = volumes.mounts_of(document, paths, {uuid: file for uuid, (_, file) in files.items()})
    volumes.put_in_place(mounts, paths.work, taken=name)
    python = _kernel_python(site, paths)
    kernels.write_kernel(paths, python)
    environment = {
        **environment_of(paths, site.config, python, document.compute),
        **_data_variables(files),
        **volumes.variables_of(mounts, paths.work),
        **site.marks(order.session),
    }
    write_spec(
        paths,
        config=site.config,
        session=order.session,
        command=await _command(site, paths, notebook, name, environment),
        compute=document.compute,
        environment=environment,
        executed=name,
        mounts=mounts,
        inputs=[file for _, file in files.values()],
    )


async def _command(
    site: Site,
    paths: SessionPaths,
    notebook: JupyterNotebook,
    name: str,
    environment: Mapping[str, str],
) -> Command:
    python = site.kernel.python
    match mode_of(notebook):
        case "BATCH":
            return kernels.batch_command(paths, python, notebook, name, site.config.output_wait)
        case "INTERACTIVE":
            await kernels.put_in_work(paths, python, notebook, name, environment)
            page = f"/lab/tree/{quote(name)}" if await site.kernel.has_page() else None
            return interactive.server_command(paths, python, page)
        case _ as never:
            assert_never(never)


async def _serve(site: Site, order: Order, paths: SessionPaths) -> Outcome:
    """NotYet until the server answers; Permanent when it never will."""
    control = paths.control
    set_deadline = partial(supervision.set_deadline, control, order.ends, order.now)
    await site.in_thread("The start", set_deadline)
    with disk_errors("The start"):
        await supervision.start(control, site.marks(order.session))
    state = await site.in_thread("Watching", lambda: supervision.state(control))
    if state is not State.RUNNING:
        raise Permanent(messages.SERVER_FAILED(reason=_why(state, paths)))
    found = await interactive.connector(paths)
    if found is not None:
        return Done(handle=str(paths.work), connectors=(found,), facts={"is_served": True})
    if time.time() - control.shim.stat().st_mtime > _STARTING:
        raise Permanent(
            messages.SERVER_FAILED(reason=f"it does not answer after {_STARTING:.0f} s")
        )
    return NotYet()


def _why(state: State | Exit, paths: SessionPaths) -> str:
    said = one_line(supervision.last_line(paths.control, "stderr"))
    if isinstance(state, Exit):
        return f"it ended with status {state.status}: {said or 'it said nothing'}"
    return "the process that supervised it was killed"


def _kernel_python(site: Site, paths: SessionPaths) -> Path:
    """The Python that executes the cells."""
    chosen = read_json(paths.control.environment) or {}
    return site.environments.python(chosen["own"]) if "own" in chosen else site.kernel.python


def _data_variables(files: Mapping[str, tuple[DataBase, Path]]) -> dict[str, str]:
    names = variables(
        "BROKER_DATA",
        ((data.meta.name if data.meta else None) or file.name for data, file in files.values()),
    )
    return dict(zip(names, (str(file) for _, file in files.values()), strict=True))


def _present(wanted: DataBase | JupyterNotebook) -> Present:
    return Present.REPLACE if wanted.replace else Present.REFUSE
