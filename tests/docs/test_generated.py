"""The references say what the code says. (The command line's and OpenAPI's: beside their code.)"""

import pytest

from docs.generate import REFERENCE, pages


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_reference_is_what_would_be_made_now(name: str) -> None:
    kept = (REFERENCE / name).read_text("utf-8")
    assert kept == pages()[name], "it is out of date; run: make generate"
