"""Reading notebooks: executed ones are what somebody's code left behind."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.errors import Permanent
from execution_broker.models.executable import Checks, JupyterNotebook
from execution_broker.platforms.local.notebook import cells_done, error_of, one_line, source_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def cell(status: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"papermill": {"status": status}}, "outputs": list(outputs)}


def error(name: str, value: str) -> dict[str, Any]:
    return {"output_type": "error", "ename": name, "evalue": value}


def test_the_last_error_is_the_one_that_ended_it(tmp_path: Path) -> None:
    """An earlier one was expected by its author, who tagged the cell so."""
    file = tmp_path / "n.ipynb"
    cells = [
        cell("completed", error("ValueError", "expected")),
        cell(
            "failed", {"output_type": "stream"}, error("KeyError", "\x1b[31m'x'\x1b[0m\nand more")
        ),
        cell("pending"),
    ]
    file.write_text(json.dumps({"cells": cells}))
    assert error_of(file) == "KeyError: 'x' and more"
    assert cells_done(file) == (2, 3)


@given(JSON)
def test_whatever_was_left_behind_is_read_without_harm(
    tmp_path_factory: pytest.TempPathFactory, junk: object
) -> None:
    file = tmp_path_factory.getbasetemp() / "junk.ipynb"
    for document in (junk, {"cells": junk}, {"cells": [{"metadata": junk, "outputs": junk}]}):
        file.write_text(json.dumps(document))
        assert error_of(file) is None
        done = cells_done(file)
        assert done is None or done[0] == 0


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "torn").write_text('{"cells": [')
    (tmp_path / "deep").write_text("[" * 100_000)
    for name in ("pipe", "link", "torn", "deep", "none"):
        assert error_of(tmp_path / name) is None
        assert cells_done(tmp_path / name) is None


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
