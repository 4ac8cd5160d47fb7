"""Requirements of a notebook: what they may be, and the name of a set of them."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

_NAME: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_EXTRAS: Final = r"\[[A-Za-z0-9._, -]*\]"
_VERSION: Final = r"(?:===?|[<>!~]=|[<>])\s*[A-Za-z0-9.*+!_-]+"
_REQUIREMENT: Final = re.compile(
    rf"{_NAME}\s*(?:{_EXTRAS})?\s*(?:{_VERSION}(?:\s*,\s*{_VERSION})*)?\s*(?:;[^@/\\\n\r\0]*)?"
)

USUAL: Final = ("astropy", "matplotlib", "numpy", "pandas", "scipy")
"""The packages that a notebook finds on a platform whose operator does not say otherwise."""

_PACKAGES: Final[Mapping[str, str]] = {
    "Bio": "biopython",
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}
"""By module, where the package that has it is called otherwise."""


def package_of(module: str) -> str:
    """The package that most likely has a module, by the first part of its name."""
    top = module.partition(".")[0]
    return _PACKAGES.get(top, top)


def is_requirement(text: str) -> bool:
    """Whether it names a package of an index, its extras and versions: no path, no address, no
    option of an installer."""
    return len(text) <= 200 and _REQUIREMENT.fullmatch(text.strip()) is not None


def requirements_key(requirements: Sequence[str]) -> str:
    """The same for the same set of requirements, in whatever order they come."""
    wanted = sorted({text.strip() for text in requirements})
    return hashlib.sha256(json.dumps(wanted).encode()).hexdigest()[:32]
