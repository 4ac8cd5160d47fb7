"""The desk that most tests of staging work at."""

from pathlib import Path

import pytest

from tests.steps.staging.desk import CONTENT, OTHER, Desk, Shelf


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, Shelf(a=CONTENT, b=OTHER, empty=b""))
