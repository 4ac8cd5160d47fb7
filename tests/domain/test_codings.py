"""Which of the encodings that servers speak of are a file's own."""

import pytest

from execution_broker.domain.codings import Coding, coding_of


@pytest.mark.parametrize(
    ("told", "names", "expected"),
    [
        ("", ("a.gz",), None),
        ("identity", ("a",), None),
        ("UTF-8", ("a",), None),
        ("gzip", ("a",), Coding("gzip", is_own=False, is_known=True)),
        (" X-GZip ", ("a.fits",), Coding("gzip", is_own=False, is_known=True)),
        ("gzip", ("a.fits", "/b/a.fits.GZ"), Coding("gzip", is_own=True, is_known=True)),
        ("gzip", ("a.bz2",), Coding("gzip", is_own=False, is_known=True)),
        ("x-bzip2", ("a.bz2",), Coding("bzip2", is_own=True, is_known=False)),
        ("zstd", ("a",), Coding("zstd", is_own=False, is_known=False)),
        ("gzip, identity", ("a",), Coding("gzip", is_own=False, is_known=True)),
        ("gzip,gzip", ("a.gz",), Coding("gzip, gzip", is_own=False, is_known=False)),
    ],
)
def test_codings(told: str, names: tuple[str, ...], expected: Coding | None) -> None:
    assert coding_of(told, names) == expected
