"""What is read of notebooks and of those who execute them: somebody's code may have left it."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.errors import Permanent
from execution_broker.models.executable import Checks, JupyterNotebook
from execution_broker.platforms.local.notebook import Told, one_line, source_of, told

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON)
def test_whatever_was_left_behind_is_read_without_harm(
    tmp_path_factory: pytest.TempPathFactory, junk: object
) -> None:
    file = tmp_path_factory.getbasetemp() / "told.json"
    for document in (junk, {"done": junk}, {"reason": junk, "cells": junk}):
        file.write_text(json.dumps(document))
        assert isinstance(told(file), Told)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "torn").write_text('{"done": 3')
    (tmp_path / "deep").write_text("[" * 100_000)
    for name in ("pipe", "link", "torn", "deep", "none"):
        assert told(tmp_path / name) == Told()


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("https://x.org/a/fit.ipynb?raw=1#top", "fit.ipynb"),
        ("https://x.org/a/my%20fit.ipynb", "my_fit.ipynb"),
        ("https://x.org/%2e%2e%2f%2e%2e", "notebook.ipynb"),
        ("https://x.org/.hidden.ipynb", "hidden.ipynb"),
        ("https://x.org/", "notebook.ipynb"),
        ("https://x.org/download", "download.ipynb"),
        (f"https://x.org/{'n' * 999}.ipynb", f"{'n' * 100}.ipynb"),
    ],
)
def test_the_file_name_comes_from_the_location(location: str, name: str) -> None:
    source = source_of(JupyterNotebook(location=location, checks=Checks(size=3)))
    assert (source.location, source.name, source.checks.size) == (location, name, 3)


def test_a_notebook_without_a_location_is_nowhere() -> None:
    with pytest.raises(Permanent, match=r"no executable\.location"):
        source_of(JupyterNotebook())
    with pytest.raises(Permanent, match=r"executable\.location is http://\[x"):
        source_of(JupyterNotebook(location="http://[x"))


def test_text_of_others_is_one_printable_line_of_some_length() -> None:
    assert one_line("a\nb\x1b[1mc\0") == "a bc?"
    assert len(one_line("x" * 10_000)) == 503
