"""Ten notebooks as they are published, with real data, from `broker init` to their results.

Their shape is that of tutorials: any metadata, the formats 3 and 4.0 to 4.5, errors that are shown
on purpose, plots, much output. Their data is what installed packages carry.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml

from execution_broker.cli.exits import Exit
from tests.harness.command import runner
from tests.harness.serving import server

PUBLISHED: Final = Path(__file__).parent / "published"
FITS: Final = "astropy/io/fits/tests/data"
IERS: Final = "astropy_iers_data/data"
LONGEST: Final = 240
TWICE: Final = pytest.approx([7.4, 13.4], rel=1e-3)


class Expected(NamedTuple):
    """`inputs` by their place beside the notebook, where they lie in installed packages; what its
    `result.json` says; what else it makes; and the parameters to run it with."""

    inputs: dict[str, str]
    result: dict[str, Any]
    makes: tuple[str, ...] = ()
    parameters: dict[str, Any] | None = None


def near(value: float, part: float = 1e-3) -> Any:
    return pytest.approx(value, rel=part)


EXPECTED: Final = {
    "01_coordinates": Expected(
        {},
        {
            "near": ["M110", "M32", "NGC 185"],
            "m33": near(14.78),
            "l": near(121.17),
            "constellation": "Andromeda",
            "highest": near(77.2, 0.01),
        },
        ("altitude.png",),
        {"radius": 8.0},
    ),
    "02_quantities": Expected(
        {},
        {"mass": near(8.62), "line": near(1420.4), "ab": near(2.3e-4, 0.1), "parallax": near(10)},
    ),
    "03_fits_tables": Expected(
        {"data/tb.fits": f"{FITS}/tb.fits"},
        {
            "names": ["c1", "c2", "c3", "c4", "twice"],
            "rows": 2,
            "twice": pytest.approx([7.4, 13.4], rel=1e-3),
        },
        ("table.ecsv",),
    ),
    "04_fits_images": Expected(
        {"test0.fits": f"{FITS}/test0.fits"},
        {"shapes": [[40, 40]] * 4, "cutout": [11, 11], "sum": 501021},
        ("cutout.fits",),
    ),
    "05_votables": Expected(
        {"gemini.xml": "astropy/io/votable/tests/data/gemini.xml"},
        {"rows": 4, "columns": 10, "back": 4},
        ("few.xml",),
    ),
    "06_time_series": Expected(
        {"finals2000A.all": f"{IERS}/finals2000A.all"},
        {"chandler": near(433, 0.02), "annual": near(365, 0.03), "months": 144},
        ("x.png",),
    ),
    "07_modeling": Expected({}, {"astropy": near(5891.6), "scipy": near(5891.6)}, ("line.pdf",)),
    "08_cosmology": Expected(
        {},
        {"age": near(13.787), "half": near(0.774), "distance": near(6607.7)},
        ("cosmology.ecsv",),
    ),
    "09_leap_seconds": Expected(
        {"Leap_Second.dat": f"{IERS}/Leap_Second.dat"},
        {"rows": 28, "last": 37.0, "tai": "2017-01-01T00:00:36.500"},
    ),
    "10_wcs": Expected(
        {"sip.fits": "astropy/wcs/tests/data/sip.fits"},
        {"ra": near(202.483), "dec": near(47.175), "x": near(128), "y": near(128)},
        ("wcs.png",),
    ),
}


def test_ten_published_notebooks_run_as_they_are(tmp_path: Path, kernel_python: Path) -> None:
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(_said(str(kernel_python), "-c", where))
    settings = {
        "PLATFORMS__LOCAL__KERNEL_PYTHON": str(kernel_python),
        "PLATFORMS__LOCAL__CORES": "10",
        "PLATFORMS__LOCAL__MEMORY": "10",
        "PLATFORMS__LOCAL__STORAGE": "10",
        "WORKER__POLL": "0.2",
    }
    with server(tmp_path / "data", settings) as made:
        made.ready()
        environment = {"BROKER_URL": made.url, "BROKER__DATA_DIRECTORY": str(tmp_path / "data")}
        for name, expected in EXPECTED.items():
            _lay_out(tmp_path / name, name, expected, packages)
        running = {name: _begun(tmp_path / name, environment) for name in EXPECTED}
        said = {name: one.communicate(timeout=LONGEST)[0] for name, one in running.items()}
        for name, expected in EXPECTED.items():
            assert running[name].returncode == Exit.DONE, said[name]
            uuid = json.loads(said[name].splitlines()[0])["meta"]["uuid"]
            results = tmp_path / name / "results"
            fetched = runner(environment)("results", uuid, "--output", str(results))
            assert fetched.code == Exit.DONE, fetched.err
            assert json.loads((results / "result.json").read_text()) == expected.result, name
            for made_there in (*expected.makes, f"{name}.ipynb"):
                assert (results / made_there).stat().st_size > 0
    large = tmp_path / "09_leap_seconds" / "results" / "09_leap_seconds.ipynb"
    assert large.stat().st_size > 10 << 20
    old = json.loads((tmp_path / "10_wcs" / "results" / "10_wcs.ipynb").read_text())
    assert old["nbformat"] == 4
    shown = [output for cell in old["cells"] for output in cell.get("outputs", ())]
    assert any("image/png" in output.get("data", {}) for output in shown)


def _lay_out(directory: Path, name: str, expected: Expected, packages: Path) -> None:
    """A directory as somebody has it who downloaded a tutorial, with the request that `init`
    writes there."""
    directory.mkdir()
    notebook = directory / f"{name}.ipynb"
    shutil.copy(PUBLISHED / notebook.name, notebook)
    for place, source in expected.inputs.items():
        (directory / place).parent.mkdir(exist_ok=True)
        shutil.copy(packages / source, directory / place)
    request = directory / "request.yaml"
    ended = runner({})("init", str(notebook), "--needs", "--output", str(request))
    assert ended.code == Exit.DONE, ended.err
    wanted = yaml.safe_load(request.read_text())
    assert "requirements" not in wanted["executable"]
    assert len(wanted.get("data", ())) == len(expected.inputs)
    if expected.parameters is not None:
        wanted["executable"]["parameters"] = expected.parameters
        request.write_text(yaml.safe_dump(wanted))


def _begun(directory: Path, environment: dict[str, str]) -> "subprocess.Popen[str]":
    outside = {n: v for n, v in os.environ.items() if not n.startswith("BROKER")}
    return subprocess.Popen(
        [sys.executable, "-m", "execution_broker.cli", "run", "request.yaml", "--json"],
        cwd=directory,
        env={**outside, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
