"""Every key of the configuration is spoken of where it is listed."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"
_SAME: Final = {"Delays", "Failures", "Timings"}
"""Tables whose keys are the words of the operations that they are about."""


def sections() -> Iterator[tuple[str, str]]:
    parts = re.split(r"^##+ (.+)$", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    yield from zip(parts[1::2], parts[2::2], strict=True)


@pytest.mark.parametrize(("title", "text"), [one for one in sections() if one[0] not in _SAME])
def test_every_key_has_its_words(title: str, text: str) -> None:
    about, _, _ = text.partition("| key |")
    keys = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    silent = [key for key in keys if not re.search(rf"\b{key}\b", about)]
    plain = {"name", "type", "description", "url", "min", "max", "most", "cores", "memory"}
    assert set(silent) <= plain, f"{title}: say what these are: {', '.join(silent)}"
