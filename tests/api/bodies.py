"""Bodies that tests send."""

from typing import Any, Final

from execution_broker.models import kinds

NOTEBOOK: Final[dict[str, Any]] = {
    "executable": {
        "kind": kinds.JUPYTER_NOTEBOOK,
        "meta": {"name": "Ünïcode"},
        "location": "https://example.org/notebook.ipynb",
    },
    "compute": {"kind": kinds.SIMPLE_COMPUTE, "cores": {"min": 2}},
}

CONTAINER: Final[dict[str, Any]] = {
    "executable": {
        "kind": kinds.DOCKER_CONTAINER,
        "image": {"locations": ["example.org/image:1"]},
        "environment": {"COUNTRY": "NO", "VERSION": "1.10"},
    },
}

UNKNOWN: Final[dict[str, Any]] = {"executable": {"kind": "urn:example:unheard-of"}}

BROKEN: Final[dict[str, Any]] = {
    "executable": {"kind": kinds.JUPYTER_NOTEBOOK, "location": [7]},
    "compute": {"kind": kinds.SIMPLE_COMPUTE, "cores": {"min": "two"}},
}

ACCEPT: Final[dict[str, Any]] = {
    "kind": kinds.ENUM_UPDATE,
    "path": "phase",
    "value": "ACCEPTED",
}
