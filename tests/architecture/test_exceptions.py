"""An exception to a check names its code, and one to the linter its reason too."""

import io
import re
import tokenize
from collections.abc import Iterator

from tests.architecture.project import all_files, name_of

EXPLAINED = re.compile(r"noqa: [A-Z]+[0-9]+(, ?[A-Z]+[0-9]+)*\s+[-(] ?\w+")
CODED = re.compile(r"type: ignore\[[a-z-]+(, ?[a-z-]+)*\]")


def test_every_noqa_has_a_code_and_a_reason() -> None:
    found = [where for where, text in _comments() if "noqa" in text and not EXPLAINED.search(text)]
    assert found == []


def test_every_ignored_type_error_has_a_code() -> None:
    found = [
        where for where, text in _comments() if "type: ignore" in text and not CODED.search(text)
    ]
    assert found == []


def _comments() -> Iterator[tuple[str, str]]:
    for file in all_files():
        for token in tokenize.generate_tokens(io.StringIO(file.read_text("utf-8")).readline):
            if token.type == tokenize.COMMENT:
                yield f"{name_of(file)}:{token.start[0]}", token.string
