"""Every type of problem has a page, and no page is left over."""

from http import HTTPStatus
from pathlib import Path
from typing import Final

import pytest

from execution_broker.api.app import STATUS

DOCS: Final = Path(__file__).parents[2] / "docs"
PAGES: Final = DOCS / "reference" / "problems"

OF_STATUS: Final = (
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    HTTPStatus.INTERNAL_SERVER_ERROR,
)
"""What has no error class: the router, a slow client, a fault of ours."""

TYPES: Final = {kind.code: int(status) for kind, status in STATUS.items()} | {
    status.phrase.lower().replace(" ", "-"): int(status) for status in OF_STATUS
}


def test_pages_and_types_are_the_same() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} - {"index"} == set(TYPES)


@pytest.mark.parametrize("code", sorted(TYPES))
def test_a_page_says_type_and_status_and_can_be_found(code: str) -> None:
    page = (PAGES / f"{code}.md").read_text("utf-8")
    assert f"`urn:execution-broker:problem:{code}`, status {TYPES[code]}\n" in page
    assert f"| [{code}]({code}.md) | {TYPES[code]} |" in (PAGES / "index.md").read_text("utf-8")
    assert f"reference/problems/{code}.md" in (DOCS.parent / "mkdocs.yml").read_text("utf-8")
