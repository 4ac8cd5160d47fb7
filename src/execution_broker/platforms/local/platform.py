"""The local platform: runs Jupyter notebooks on this machine, as batches.

Each session has a directory of its own (`paths`, `sessions`) and a shim that supervises what it
runs (`shim`, `supervision`); both are found again by name, whatever happened to the broker. All
workers of one local platform run on the same machine, as the same user. What notebooks may do is
what that user may do: only people who are trusted with that should be let in.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import contextmanager
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar, assert_never
from uuid import UUID

import msgspec

from execution_broker.domain import messages
from execution_broker.domain.capability import Capability, ExecutableSupport
from execution_broker.domain.demand import data_key
from execution_broker.domain.errors import Permanent, Transient
from execution_broker.models import kinds
from execution_broker.models.executable import JupyterNotebook
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.resources import DataBase, SimpleCompute, SimpleStorage
from execution_broker.platforms.local import launch, machine, outputs, supervision, volumes
from execution_broker.platforms.local.config import LocalConfig
from execution_broker.platforms.local.environment import KernelEnvironment
from execution_broker.platforms.local.files import remove_tree
from execution_broker.platforms.local.notebook import (
    cells_done,
    error_of,
    one_line,
    require_notebook,
    source_of,
)
from execution_broker.platforms.local.paths import SessionPaths
from execution_broker.platforms.local.sessions import Sessions
from execution_broker.platforms.local.supervision import Exit, Reason, State
