"""The kind of data starlab: where the bytes of a resource are.

Replace this: `kind` is a kind of the standard, and the struct that `locate` is given is its wire
format (see `execution_broker.models.resources`). Here it is that of the SKA Observatory, and of
its replicas the one at the site that the operator likes best is taken.
"""

from typing import ClassVar

import msgspec
from execution_broker.domain import messages
from execution_broker.domain.errors import Permanent
from execution_broker.domain.naming import file_name
from execution_broker.models import kinds
from execution_broker.models.executable import Checks
from execution_broker.models.resources import SkaoBlock, SkaoData, SkaoReplica
from execution_broker.ports.data import Source


class DataKindConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`sites`: storage elements, the one to be preferred first."""

    sites: tuple[str, ...] = ()


class StarlabDataKind:
    """Objects of the SKA Observatory, by the URLs of their replicas."""

    kind: ClassVar[str] = kinds.SKAO_DATA
    Config: ClassVar[type[msgspec.Struct]] = DataKindConfig

    def __init__(self, config: DataKindConfig) -> None:
        self._sites = config.sites

    async def locate(self, resource: SkaoData) -> Source:
        """Asking a registry outside is allowed here: with a timeout, and Transient if it fails."""
        block = resource.skao or SkaoBlock()
        replicas = sorted(
            (replica for replica in block.replicas if replica.dataurl), key=self._rank
        )
        if not replicas:
            raise Permanent(messages.MISSING_PART(part="replica with a URL"))
        location = replicas[0].dataurl or ""
        given = resource.meta.name if resource.meta else None
        return Source(
            location=location,
            name=file_name(given or block.objectname, location),
            checks=resource.checks or Checks(size=block.datasize),
        )

    def _rank(self, replica: SkaoReplica) -> int:
        known = replica.rsename in self._sites
        return self._sites.index(replica.rsename or "") if known else len(self._sites)
