"""A web page in place of a file is warned of, unless somebody expects one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from execution_broker.models.executable import Checks
from execution_broker.ports.data import Access, Looked, Present, Source
from tests.steps.staging.desk import Desk, Shelf, sha256

PAGE = b"<!DOCTYPE html>\n<html><body>Who are you?</body></html>"


class Typed(Shelf):
    """Tells the type of its content before the bytes."""

    media_type = ""

    async def read(self, source: Source) -> AsyncIterator[Looked | bytes]:  # type: ignore[override]
        yield Looked(media_type=self.media_type)
        async for chunk in super().read(source):
            yield chunk


@pytest.mark.parametrize(
    ("content", "media_type", "name", "is_warned_of"),
    [
        (PAGE, "text/html", "night.fits", True),
        (PAGE, "", "night.fits", True),
        (b"\xef\xbb\xbf  <HTML lang=en>", "application/octet-stream", "night", True),
        (b"anything", "application/xhtml+xml", "night.csv", True),
        (PAGE, "text/html", "night.html", False),
        (PAGE, "text/html", "INDEX.HTM", False),
        (b"<?xml version='1.0'?><VOTABLE/>", "text/xml", "night.xml", False),
        (b"a,b\n1,<html>", "text/csv", "night.csv", False),
        (b"", "", "night.fits", False),
    ],
)
async def test_pages(
    tmp_path: Path, content: bytes, media_type: str, name: str, *, is_warned_of: bool
) -> None:
    shelf = Typed(a=content)
    shelf.media_type = media_type
    desk = Desk(tmp_path, shelf)
    staged = await desk.staging.put(
        Source("shelf:a", name, Checks(size=len(content))),
        desk.target,
        present=Present.REFUSE,
        access=Access.READ_WRITE,
        progress=lambda _done, _total, _units: None,
    )
    warned = [one for one in staged.messages if one.kind.endswith(":unexpected-page")]
    assert bool(warned) is is_warned_of
    assert all(one.level == "WARN" and name in (one.message or "") for one in warned)


async def test_a_page_with_the_digest_that_was_asked_for_is_expected(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Typed(a=PAGE))
    staged = await desk.put(Checks(sha256=sha256(PAGE)))
    assert [one.level for one in staged.messages] == ["INFO"]
