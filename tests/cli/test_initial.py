"""`broker init`: what it writes is a request, with and without its suggestions."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from execution_broker.cli.exits import Exit
from execution_broker.formats import YAML
from execution_broker.models.execution import ExecutionRequest
from execution_broker.models.reading import read_request
from tests.harness.command import Broker, runner

CELLS = [
    ("parameters", "first = 1985.0\nname: str = 'pole'\nlong = [1, 2]\nf = open('x')\n"),
    (
        "",
        "%matplotlib inline\nimport os, numpy as np, sklearn\nfrom lmfit.models import f\n"
        "fits.open('https://example.org/night.fits?x=1')\n# see https://example.org/about\n",
    ),
    ("", "this is { no Python, 'https://example.org/table.csv'"),
]


@pytest.fixture
def run() -> Broker:
    return runner({})


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    file = tmp_path / "fit the pole.ipynb"
    cells = [
        {"cell_type": "code", "source": [source], "metadata": {"tags": [tag] if tag else []}}
        for tag, source in CELLS
    ]
    document = {"nbformat": 4, "metadata": {}, "cells": [*cells, {"cell_type": "markdown"}]}
    file.write_text(json.dumps(document))
    return file


def read(text: str) -> dict[str, Any]:
    """What a broker reads: a request without a fault."""
    plain = YAML.read(text.encode(), ExecutionRequest)
    reading = read_request(plain)
    assert (reading.faults, reading.unknown) == ((), ())
    assert isinstance(plain, dict)
    return plain


def test_a_notebook_becomes_a_request_with_suggestions(
    run: Broker, notebook: Path, tmp_path: Path
) -> None:
    target = tmp_path / "request.yaml"
    ended = run("init", str(notebook), "--output", str(target))
    assert ended.code == Exit.DONE, ended.err
    assert f"broker request {target}" in ended.err
    text = target.read_text()
    plain = read(text)
    assert target.parent / plain["executable"]["location"] == notebook
    assert plain["executable"]["mode"] == "BATCH"
    assert plain["executable"]["meta"]["name"] == "fit the pole"
    assert plain["compute"]["cores"] == {"min": 1}
    assert "data" not in plain
    full = read(text.replace("#- ", ""))
    assert full["executable"]["parameters"] == {"first": 1985.0, "name": "pole", "long": [1, 2]}
    assert full["executable"]["requirements"] == ["lmfit", "scikit-learn"]
    assert [one["location"] for one in full["data"]] == [
        "https://example.org/night.fits?x=1",
        "https://example.org/table.csv",
    ]
    assert yaml.safe_load(text)["schedule"] == plain["schedule"]


def test_flags_say_what_is_in_it(run: Broker, notebook: Path) -> None:
    flags = ("--cores", "2-8", "--memory", "4", "--duration", "PT30M", "--start", "../PT6H")
    data = ("--data", "https://example.org/table.csv,size=3", "--max-cost", "monetary=2")
    ended = run("init", str(notebook), *flags, *data, "--mode", "INTERACTIVE", "-o", "-")
    assert ended.code == Exit.DONE, ended.err
    plain = read(ended.out)
    assert plain["compute"]["cores"] == {"min": 2, "max": 8}
    assert plain["schedule"]["requested"] == {"start": "../PT6H", "duration": "PT30M"}
    assert plain["costs"][0]["max"] == 2
    full = read(ended.out.replace("#- ", ""))
    assert [one["location"] for one in full["data"]] == [
        "https://example.org/table.csv",
        "https://example.org/night.fits?x=1",
    ]


@pytest.mark.parametrize(
    ("source", "kind", "name"),
    [
        ("https://example.org/dir/fit.ipynb?x=1", "jupyter-notebook", "fit"),
        ("ghcr.io/astro/fit:1.2", "docker-container", "fit"),
        ("python", "docker-container", "python"),
    ],
)
def test_what_is_not_here_is_taken_by_its_name(
    run: Broker, source: str, kind: str, name: str
) -> None:
    plain = read(run("init", source, "--output", "-").out)
    assert kind in plain["executable"]["kind"]
    assert plain["executable"]["meta"]["name"] == name


def test_nothing_is_overwritten_unless_it_is_meant(run: Broker, tmp_path: Path) -> None:
    target = tmp_path / "request.yaml"
    target.write_text("mine")
    init = ("init", "python", "--output", str(target))
    refused = run(*init)
    assert refused.code == Exit.USAGE
    assert "--force" in refused.err
    assert target.read_text() == "mine"
    assert run(*init, "--force").code == Exit.DONE
    assert "docker-container" in target.read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "no terminal to ask"),
        (("missing.ipynb",), "neither a URL nor a file that is here"),
        (("Not An Image",), "neither a notebook nor the name of an image"),
        (("python", "--cores", "many"), "--cores"),
        (("python", "--output", "/nowhere/at/all.yaml"), "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said_with_a_next_action(
    run: Broker, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    ended = run("init", "--output", str(tmp_path / "request.yaml"), *arguments)
    assert ended.code == Exit.USAGE
    assert says in ended.err
    assert "→" in ended.err


@pytest.mark.parametrize("content", ["", "[]", '{"cells": 3}', '{"worksheets": []}', "\x00"])
def test_a_file_that_is_no_notebook(run: Broker, tmp_path: Path, content: str) -> None:
    file = tmp_path / "x.ipynb"
    file.write_text(content)
    ended = run("init", str(file), "--output", "-")
    assert ended.code == Exit.USAGE
    assert "no Jupyter notebook" in ended.err


def test_questions_on_a_terminal(tmp_path: Path, notebook: Path) -> None:
    answers = [str(notebook), "", "2-4", "8", "PT1H", "", "https://example.org/a.fits", "", "y"]
    target = tmp_path / "asked.yaml"
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "execution_broker.cli", "init", "--output", str(target)],
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        os.close(theirs)
        os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
        said = process.communicate(timeout=60)[1].decode()
    os.close(ours)
    assert process.returncode == 0, said
    plain = read(target.read_text())
    assert plain["compute"]["cores"] == {"min": 2, "max": 4}
    assert plain["compute"]["memory"] == {"min": 8}
    assert plain["schedule"]["requested"] == {"start": "../PT24H", "duration": "PT1H"}
    assert [one["location"] for one in plain["data"]] == ["https://example.org/a.fits"]
    assert plain["executable"]["requirements"] == ["lmfit", "scikit-learn"]


@pytest.mark.parametrize(
    ("location", "private"),
    [
        ("https://example.org/fit.ipynb?version=1", False),
        ("https://ada:pw@example.org/fit.ipynb", True),
        ("https://example.org/fit.ipynb?X-Amz-Signature=pw", True),
    ],
)
def test_a_file_with_a_secret_is_for_its_user_alone(
    run: Broker,
    tmp_path: Path,
    location: str,
    private: bool,  # noqa: FBT001 - a column of the table
) -> None:
    target = tmp_path / "request.yaml"
    assert run("init", location, "--output", str(target)).code == Exit.DONE
    assert location in target.read_text()
    assert (target.stat().st_mode & 0o077 == 0) == private
