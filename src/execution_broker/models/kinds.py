"""The kind URIs of the standard: the discriminators of every polymorphic object."""

from typing import Final

_BASE: Final = "https://www.purl.org/ivoa.net/Calycopis-openapi/schema/v1.0/kinds"

SCHEDULED_SESSION: Final = f"{_BASE}/session/scheduled-execution-session.yaml"
OFFERSET: Final = f"{_BASE}/offerset/execution-offerset.yaml"

DOCKER_CONTAINER: Final = f"{_BASE}/executable/docker-container.yaml"
SINGULARITY_CONTAINER: Final = f"{_BASE}/executable/singularity-container.yaml"
JUPYTER_NOTEBOOK: Final = f"{_BASE}/executable/jupyter-notebook.yaml"

SIMPLE_COMPUTE: Final = f"{_BASE}/compute/simple-compute-resource.yaml"
SIMPLE_STORAGE: Final = f"{_BASE}/storage/simple-storage-resource.yaml"
SIMPLE_VOLUME: Final = f"{_BASE}/volume/simple-volume-mount.yaml"

SIMPLE_DATA: Final = f"{_BASE}/data/simple-data-resource.yaml"
S3_DATA: Final = f"{_BASE}/data/S3-data-resource.yaml"
RUCIO_DATA: Final = f"{_BASE}/data/rucio-data-resource.yaml"
IVOA_DATA: Final = f"{_BASE}/data/ivoa-data-resource.yaml"
SKAO_DATA: Final = f"{_BASE}/data/skao-data-resource.yaml"

MINMAX_COST: Final = f"{_BASE}/costs/simple-minmax-float-cost.yaml"
MINMAX_METRIC: Final = f"{_BASE}/metrics/simple-minmax-float-metric.yaml"

STRING_OPTION: Final = "uri:string-value-option"
ENUM_OPTION: Final = "uri:enum-value-option"
INTEGER_OPTION: Final = "uri:integer-value-option"
DELTA_OPTION: Final = "uri:integer-delta-option"

STRING_UPDATE: Final = "uri:string-value-update"
ENUM_UPDATE: Final = "uri:enum-value-update"
INTEGER_UPDATE: Final = "uri:integer-value-update"
DELTA_UPDATE: Final = "uri:integer-delta-update"

COST_MONETARY: Final = "urn:ivoa:calycopis:cost:monetary"
COST_ENERGY: Final = "urn:ivoa:calycopis:cost:energy"
COST_CARBON: Final = "urn:ivoa:calycopis:cost:carbon"
METRIC_COMPUTE: Final = "urn:ivoa:calycopis:metric:compute-performance"
METRIC_THROUGHPUT: Final = "urn:ivoa:calycopis:metric:io-throughput"


def short(kind: str) -> str:
    """The last word of a kind URI, for people: `jupyter-notebook` for the notebook kind."""
    return kind.rsplit("/", 1)[-1].rsplit(":", 1)[-1].removesuffix(".yaml")
