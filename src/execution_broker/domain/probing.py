"""What a request may need to have looked up before it can be answered (N2)."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from execution_broker.domain.demand import EXECUTABLE, NOTEBOOK, Demand, Lookup, data_key
from execution_broker.domain.simulation import is_marked
from execution_broker.models.executable import JupyterNotebook
from execution_broker.models.resources import Data
from execution_broker.models.secrets import Secret, restored

_FRESH: Final = timedelta(seconds=60)
_FRESH_FAULT: Final = timedelta(seconds=5)
"""A fault is believed only for a moment, as somebody may be mending it; so is what is in a
notebook, where a fault may be."""


class Question(msgspec.Struct, frozen=True):
    """What to look up: a data resource, or (for a notebook) a bare location. `is_read`: not how
    large it is, but what it tells of itself. Those who have the same question, secrets included,
    share one probe."""

    resource: Data | None = None
    location: str | None = None
    is_read: bool = False


def questions(
    demand: Demand,
    located: Collection[str],
    secrets: Mapping[str, tuple[Secret, ...]] | None = None,
    *,
    reads_notebooks: bool = False,
) -> dict[str, Question]:
    """What nobody has told, by component key: the sizes of what has to be staged.

    `located`: the URIs of the kinds of data that a plugin here can locate; nothing can be found
    out about others. With `secrets`, by component key, a question has those that its source wants.
    `reads_notebooks`: where one could run, it matters what is in it. Of a request that is to be
    simulated nothing has to be staged.
    """
    asked: dict[str, Question] = {}
    secrets = secrets or {}
    executable = restored(demand.executable, secrets.get(EXECUTABLE, ()))
    if is_marked(executable):
        return asked
    if isinstance(executable, JupyterNotebook) and EXECUTABLE not in demand.unlocated:
        if executable.checks is None or executable.checks.size is None:
            asked[EXECUTABLE] = Question(location=executable.location)
        if reads_notebooks:
            asked[NOTEBOOK] = Question(location=executable.location, is_read=True)
    for index, part in enumerate(demand.data):
        checks, is_known = part.resource.checks, part.resource.__struct_config__.tag in located
        if not is_known or data_key(index) in demand.unlocated:
            continue
        if checks is None or checks.size is None:
            key = data_key(index)
            asked[key] = Question(resource=restored(_bare(part.resource), secrets.get(key, ())))
    return asked


def is_fresh(found: Lookup, ended: datetime, now: datetime) -> bool:
    """Whether what a probe found is still believed."""
    is_stable = found.fault is None and found.notebook is None
    return now - ended < (_FRESH if is_stable else _FRESH_FAULT)


def _bare(resource: Data) -> Data:
    """What says where the content is, without what this client calls it or wants of it."""
    return msgspec.structs.replace(
        resource,
        meta=None,
        costs=(),
        metrics=(),
        phase=None,
        schedule=None,
        storage=None,
        replace=None,
    )
