"""Resources: compute, storage, volumes and data."""

from typing import Literal

from execution_broker.models import kinds
from execution_broker.models.base import Integer, Wire
from execution_broker.models.component import Component, LifecycleComponent
from execution_broker.models.executable import Checks


class Range(Wire, frozen=True):
    """`min`: the least the execution needs. `max`: the most it can use."""

    min: Integer | None = None
    max: Integer | None = None


class SimpleVolume(Component, frozen=True, tag_field="kind", tag=kinds.SIMPLE_VOLUME):
    """`resource` (a data or storage resource, by name or uuid) appears at `path`."""

    path: str | None = None
    mode: Literal["READONLY", "READWRITE"] | None = None
    resource: str | None = None


class SimpleCompute(LifecycleComponent, frozen=True, tag_field="kind", tag=kinds.SIMPLE_COMPUTE):
    """`memory` in GiB. `amounts` is ours: further things that a platform counts (GPUs, licences),
    by the name that it gives them."""

    volumes: tuple[SimpleVolume, ...] = ()
    cores: Range | None = None
    memory: Range | None = None
    amounts: dict[str, Range] = {}


class SimpleStorage(LifecycleComponent, frozen=True, tag_field="kind", tag=kinds.SIMPLE_STORAGE):
    """`size` in GiB; `data` lists the uuids of the data resources staged in it."""

    data: tuple[str, ...] = ()
    size: Range | None = None


class DataBase(LifecycleComponent, frozen=True):
    """`storage`: where the data goes, by name or uuid. `checks` and `replace` are ours."""

    storage: str | None = None
    checks: Checks | None = None
    replace: bool | None = None


class SimpleData(DataBase, frozen=True, tag_field="kind", tag=kinds.SIMPLE_DATA):
    """A file behind a URL."""

    location: str | None = None


class S3Data(DataBase, frozen=True, tag_field="kind", tag=kinds.S3_DATA):
    endpoint: str | None = None
    template: str | None = None
    bucket: str | None = None
    object: str | None = None


ObjectType = Literal["FILE", "CONTAINER", "DATASET"]


class RucioBlock(Wire, frozen=True):
    endpoint: str | None = None
    scope: str | None = None
    object: str | None = None
    type: ObjectType | None = None


class RucioData(DataBase, frozen=True, tag_field="kind", tag=kinds.RUCIO_DATA):
    rucio: RucioBlock | None = None


class ObsCore(Wire, frozen=True):
    obs_id: str | None = None
    obs_collection: str | None = None
    obs_publisher_did: str | None = None
    obs_creator_did: str | None = None
    dataproduct_type: str | None = None
    calib_level: Integer | None = None
    access_url: str | None = None
    access_format: str | None = None


class DataLink(Wire, frozen=True):
    ID: str | None = None
    access_url: str | None = None
    service_def: str | None = None
    error_message: str | None = None
    description: str | None = None
    semantics: str | None = None
    content_type: str | None = None
    content_length: Integer | None = None
    content_qualifier: str | None = None
    local_semantics: str | None = None
    link_auth: str | None = None
    link_authorized: str | None = None


class IvoaBlock(Wire, frozen=True):
    ivoid: str | None = None
    obscore: ObsCore | None = None
    datalink: DataLink | None = None


class IvoaData(DataBase, frozen=True, tag_field="kind", tag=kinds.IVOA_DATA):
    ivoa: IvoaBlock | None = None


class SkaoChecksum(Wire, frozen=True):
    type: str | None = None
    value: str | None = None


class SkaoReplica(Wire, frozen=True):
    rsename: str | None = None
    dataurl: str | None = None


class SkaoBlock(Wire, frozen=True):
    namespace: str | None = None
    objectname: str | None = None
    objecttype: ObjectType | None = None
    datasize: Integer | None = None
    checksum: SkaoChecksum | None = None
    replicas: tuple[SkaoReplica, ...] = ()


class SkaoData(DataBase, frozen=True, tag_field="kind", tag=kinds.SKAO_DATA):
    ivoa: IvoaBlock | None = None
    skao: SkaoBlock | None = None


Compute = SimpleCompute
Storage = SimpleStorage
Volume = SimpleVolume
Data = SimpleData | S3Data | RucioData | IvoaData | SkaoData
