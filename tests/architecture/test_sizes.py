"""Files are small (rule 5)."""

from statistics import median

import pytest

from tests.architecture.project import all_files, lines_of, name_of, source_files

LONGEST = 500
MEDIAN = 150


def test_no_file_is_longer_than_five_hundred_lines() -> None:
    lengths = {name_of(file): len(lines_of(file)) for file in all_files()}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


@pytest.mark.parametrize("part", ["src", "tests"])
def test_the_median_file_is_short(part: str) -> None:
    files = [file for file in all_files() if name_of(file).startswith(part)]
    assert files
    assert median(len(lines_of(file)) for file in files) < MEDIAN


def test_there_is_no_room_for_everything_else() -> None:
    names = {part for file in source_files() for part in (file.stem, file.parent.name)}
    assert names.isdisjoint({"utils", "util", "helpers", "common", "misc"})
