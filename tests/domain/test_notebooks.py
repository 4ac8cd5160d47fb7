"""What a notebook tells of itself: whether it can be run at all, and its language."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.notebooks import Traits, code_cells, traits

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def of(metadata: Any, **more: Any) -> Traits:
    document = {"nbformat": 4, "metadata": metadata, "cells": [], **more}
    return traits(json.dumps(document).encode())


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        None,
        {"kernelspec": None, "language_info": None},
        {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        {"kernelspec": {"name": "conda-env-irina-py", "language": None}},
        {"kernelspec": {"name": "python3", "language": "python3"}},
        {"kernelspec": {"language": "Python"}, "language_info": {"name": "R"}},
        {"language_info": {"name": "ipython", "version": 3}},
        {"kernelspec": {"name": "irradiance"}},
    ],
)
def test_what_says_nothing_else_is_python(metadata: Any) -> None:
    assert of(metadata) == Traits("python")


@pytest.mark.parametrize(
    ("metadata", "language"),
    [
        ({"kernelspec": {"language": "R"}}, "R"),
        ({"kernelspec": {"name": "python3"}, "language_info": {"name": "julia"}}, "julia"),
        ({"kernelspec": {"name": "ir"}}, "R"),
        ({"kernelspec": {"name": "julia-1.9"}}, "julia"),
    ],
)
def test_another_language_is_told(metadata: Any, language: str) -> None:
    assert of(metadata) == Traits(language)


def test_version_3_is_run_if_it_has_what_it_must() -> None:
    sheets = [{"cells": [{"cell_type": "code", "language": "python", "input": "1"}]}]
    assert of({}, nbformat=3, worksheets=sheets) == Traits("python")
    sheets[0]["cells"][0]["language"] = "julia"
    assert of({}, nbformat=3, worksheets=sheets) == Traits("julia")
    assert of({}, nbformat=3).fault == "it has no cells"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "it is no JSON object"),
        (b"<!DOCTYPE html>", "it is no JSON object"),
        (b"[" * 100_000, "it is no JSON object"),
        (b"{}", "its nbformat is missing"),
        (b'{"nbformat": 2}', "its nbformat is 2"),
        (b'{"nbformat": "4", "cells": []}', "its nbformat is 4"),
        (b'{"nbformat": 4}', "it has no cells"),
    ],
)
def test_what_cannot_be_run_is_said(content: bytes, fault: str) -> None:
    assert (traits(content).fault or "").startswith(fault)


@given(JSON)
def test_nothing_breaks_the_reader(junk: Any) -> None:
    cells = {"nbformat": 4, "cells": [{"cell_type": "code", "source": junk, "metadata": junk}]}
    for document in (junk, {"nbformat": 4, "cells": junk}, {"nbformat": junk}, cells):
        content = json.dumps(document).encode()
        if traits(content).fault is None:
            assert all(isinstance(source, str) for source, _ in code_cells(content))
    of({"kernelspec": junk, "language_info": junk})
    of(junk, nbformat=3, worksheets=junk)
