"""`broker init`: what lies beside a notebook comes into its request, or is suggested there."""

import json
from pathlib import Path
from typing import Any

import pytest

from execution_broker.cli.exits import Exit
from tests.cli.test_initial import read
from tests.harness.command import Broker, Ended, runner

CODE = """
import helper, numpy, lmfit
from PIL import Image
from astropy.table import Table
night = Table.read("tables/night 1.ecsv", format="ascii.ecsv")
cat = open("cat.csv").read()
with open("log.txt", "w") as log: log.write("done")
plt.savefig("plot.png")
night.write(overwrite=True, output="out.fits")
print("missing.csv", "..", "/etc/passwd", "../outside.csv", "tables")
"""
HERE = ("helper.py", "cat.csv", "tables/night 1.ecsv", "log.txt", "plot.png", "out.fits")


@pytest.fixture
def run() -> Broker:
    return runner({})


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    directory = tmp_path / "work"
    for name in (*HERE, "../outside.csv"):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text("x")
    file = directory / "fit.ipynb"
    cell = {"cell_type": "code", "source": CODE, "metadata": {}}
    file.write_text(json.dumps({"nbformat": 4, "metadata": {}, "cells": [cell]}))
    return file


def made(run: Broker, notebook: Path, *arguments: str) -> tuple[Ended, str]:
    ended = run("init", str(notebook), "--output", str(notebook.with_name("r.yaml")), *arguments)
    assert ended.code == Exit.DONE, ended.err
    return ended, notebook.with_name("r.yaml").read_text()


def places(request: dict[str, Any]) -> dict[str, str]:
    """Where each location appears."""
    paths = {one["resource"]: one["path"] for one in request["compute"]["volumes"]}
    return {one["location"]: paths[one["meta"]["name"]] for one in request["data"]}


FILES = {
    "tables/night 1.ecsv": "/tables/night 1.ecsv",
    "cat.csv": "/cat.csv",
    "helper.py": "/helper.py",
}


def test_what_it_needs_is_put_in_where_that_is_said(run: Broker, notebook: Path) -> None:
    _, text = made(run, notebook, "--needs")
    request = read(text)
    assert request["executable"]["requirements"] == ["lmfit", "pillow"]
    assert places(request) == FILES
    assert "#- " not in text.partition("executable:")[2]


def test_else_it_is_suggested(run: Broker, notebook: Path) -> None:
    mounted = ("--storage", "3", "--mount", "storage=/disk")
    _, text = made(run, notebook, "--data", "https://example.org/a.fits", *mounted)
    request = read(text)
    assert "requirements" not in request["executable"]
    assert len(request["data"]) == len(request["compute"]["volumes"]) == 1
    full = read(text.replace("#- ", ""))
    assert full["executable"]["requirements"] == ["lmfit", "pillow"]
    (first, *data), (disk, *volumes) = full["data"], full["compute"]["volumes"]
    assert first["location"] == "https://example.org/a.fits"
    assert disk["path"] == "/disk"
    assert places({"data": data, "compute": {"volumes": volumes}}) == FILES


@pytest.mark.parametrize(
    ("name", "content", "requirements", "others"),
    [
        (
            "requirements.txt",
            "# ours\nnumpy>=1.26  # arrays\nlmfit==1.3.2 \\\n  --hash=sha256:0\n"
            "-r more.txt\n\nspecutils[all]; python_version > '3'\ngit+https://example.org/x\n",
            ["numpy>=1.26", "lmfit==1.3.2", "specutils[all]; python_version > '3'"],
            "-r more.txt, git+https://example.org/x",
        ),
        (
            "environment.yml",
            "name: x\nchannels: [conda-forge]\ndependencies:\n- python=3.11\n- numpy=1.26\n"
            "- conda-forge::healpy\n- scipy>=1.11\n- astropy=6.0.1=py311_0\n- pip\n"
            "- pip: [lmfit, './local']\n",
            ["numpy==1.26.*", "healpy", "scipy>=1.11", "astropy==6.0.1.*", "lmfit"],
            "./local",
        ),
    ],
)
def test_a_list_of_packages_goes_before_what_is_imported(
    run: Broker, notebook: Path, name: str, content: str, requirements: list[str], others: str
) -> None:
    notebook.with_name(name).write_text(content)
    ended, text = made(run, notebook, "--needs")
    assert read(text)["executable"]["requirements"] == requirements
    assert f"Not taken from {name}: {others}" in ended.err


@pytest.mark.parametrize("content", ["[", "dependencies: 3", "- 1", "\x00", "dependencies: [[1]]"])
def test_a_list_that_cannot_be_read_does_no_harm(run: Broker, notebook: Path, content: str) -> None:
    notebook.with_name("environment.yaml").write_text(content)
    _, text = made(run, notebook, "--needs")
    assert "requirements" not in read(text)["executable"]
