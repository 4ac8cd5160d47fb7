"""Executables: what is run."""

from typing import Any, Literal

from execution_broker.models import kinds
from execution_broker.models.base import Integer, Wire
from execution_broker.models.component import LifecycleComponent

Mode = Literal["INTERACTIVE", "BATCH"]


class Checks(Wire, frozen=True):
    """What content must look like: an extension of ours on data and notebooks.

    `size` in bytes; digests in lower-case hexadecimal.
    """

    size: Integer | None = None
    md5: str | None = None
    sha256: str | None = None
    adler32: str | None = None


class ImagePlatform(Wire, frozen=True):
    architecture: str = "amd64"
    os: str = "linux"


class Image(Wire, frozen=True):
    locations: tuple[str, ...] = ()
    digest: str | None = None
    platform: ImagePlatform | None = None


class InternalPort(Wire, frozen=True):
    port: Integer | None = None


class ExternalPort(Wire, frozen=True):
    port: Integer | None = None
    addresses: tuple[str, ...] = ()


class NetworkPort(Wire, frozen=True):
    access: bool | None = None
    internal: InternalPort | None = None
    external: ExternalPort | None = None
    protocol: str | None = None
    path: str | None = None


class Network(Wire, frozen=True):
    ports: tuple[NetworkPort, ...] = ()


class DockerContainer(
    LifecycleComponent, frozen=True, tag_field="kind", tag=kinds.DOCKER_CONTAINER
):
    image: Image | None = None
    privileged: bool = False
    command: tuple[str, ...] = ()
    entrypoint: str | None = None
    environment: dict[str, str] = {}
    network: Network | None = None


class SingularityContainer(
    LifecycleComponent, frozen=True, tag_field="kind", tag=kinds.SINGULARITY_CONTAINER
):
    location: str | None = None


class JupyterNotebook(
    LifecycleComponent, frozen=True, tag_field="kind", tag=kinds.JUPYTER_NOTEBOOK
):
    """A notebook at a URL.

    All but `location` are extensions of ours: `mode` (INTERACTIVE when absent), `parameters` for
    the cell tagged `parameters`, `requirements` (PyPI requirement strings), `checks`, `replace`.
    """

    location: str | None = None
    mode: Mode | None = None
    parameters: dict[str, Any] = {}
    requirements: tuple[str, ...] = ()
    checks: Checks | None = None
    replace: bool | None = None


Executable = DockerContainer | SingularityContainer | JupyterNotebook
