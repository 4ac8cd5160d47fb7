"""What a site cannot do, said one by one and all at once."""

from typing import Any

import pytest

from execution_broker.domain.capability import ExecutableSupport, Limits, Price, Timings
from execution_broker.domain.demand import Lookup
from execution_broker.domain.offer import Yes
from execution_broker.models import kinds
from tests.domain.builders import (
    DOCKER,
    NOTEBOOK,
    S3,
    SINGULARITY,
    body,
    by_word,
    compute,
    cost,
    data,
    follow,
    requested,
    site,
    storage,
    volume,
)
from tests.domain.negotiation.answers import only, refused, suggestion, verdict_of

EVERYTHING = body(
    storage=[storage("s")],
    data=[data("d", storage="s"), data()],
    compute=compute(volumes=[volume("/d", "d")]),
)


def test_nothing_is_run_that_is_not_known() -> None:
    here = site(
        executables=(ExecutableSupport(kind=kinds.JUPYTER_NOTEBOOK),),
        compute=frozenset(),
        storage=frozenset(),
        volumes=frozenset(),
        data=frozenset({kinds.S3_DATA, kinds.RUCIO_DATA}),
    )
    faults = refused(EVERYTHING, here)
    assert {m.kind.rpartition(":")[2] for m in faults} == {"unsupported-kind"}
    assert [m.values["place"] for m in faults] == [
        "executable",
        "compute",
        "storage[0]",
        "data[1].storage",
        "data[0]",
        "data[1]",
        "compute.volumes[0]",
    ]
    assert faults[0].message == (
        "here cannot run executable of kind docker-container. It runs: jupyter-notebook."
    )
    assert faults[3].values["known"] == "none"
    assert faults[4].values["known"] == "S3-data-resource, rucio-data-resource"


@pytest.mark.parametrize(
    ("mode", "modes", "to"),
    [
        (None, ("BATCH",), "BATCH"),
        ("INTERACTIVE", ("BATCH",), "BATCH"),
        ("BATCH", ("INTERACTIVE",), "INTERACTIVE"),
    ],
)
def test_modes(mode: str | None, modes: Any, to: str) -> None:
    support = ExecutableSupport(kind=kinds.JUPYTER_NOTEBOOK, modes=modes)
    here = site(executables=(support,), timings=Timings(not_here=60))
    request = {"executable": NOTEBOOK | {"mode": mode}}
    assert only(request, here) == ("executable.mode", mode or "INTERACTIVE", to)


def test_no_mode_at_all() -> None:
    here = site(executables=(ExecutableSupport(kind=kinds.JUPYTER_NOTEBOOK, modes=()),))
    (fault,) = refused({"executable": NOTEBOOK}, here)
    assert fault.values["known"] == "none"
    assert suggestion(fault) == ("executable.mode", None, None)


@pytest.mark.parametrize("executable", [DOCKER, SINGULARITY])
def test_containers_have_no_mode(executable: dict[str, Any]) -> None:
    here = site(executables=(ExecutableSupport(kind=executable["kind"], modes=()),))
    assert isinstance(verdict_of({"executable": executable}, here), Yes)


def test_what_is_optional_must_be_supported_where_it_is_asked_for() -> None:
    bare = site(
        executables=(
            ExecutableSupport(kind=kinds.JUPYTER_NOTEBOOK, modes=("INTERACTIVE",)),
            ExecutableSupport(kind=kinds.DOCKER_CONTAINER),
        ),
        timings=Timings(not_here=60),
    )
    nothing = {"parameters": {}, "requirements": [], "checks": {}, "replace": False}
    assert isinstance(verdict_of({"executable": NOTEBOOK | nothing}, bare), Yes)
    notebook = NOTEBOOK | {
        "parameters": {"a": 1},
        "requirements": ["numpy"],
        "checks": {"size": 1},
        "replace": True,
    }
    container = DOCKER | {
        "privileged": True,
        "command": ["a"],
        "entrypoint": "b",
        "environment": {"A": "b"},
        "network": {"ports": [{"access": True}]},
    }
    for executable, features in (
        (notebook, ["checks", "parameters", "replace", "requirements"]),
        (container, ["command", "entrypoint", "environment", "network", "privileged"]),
    ):
        faults = refused({"executable": executable}, bare)
        assert [m.values["feature"] for m in faults] == features
        changed = follow({"executable": executable}, faults)
        assert isinstance(verdict_of(changed, bare), Yes)
        assert isinstance(verdict_of({"executable": executable}, site()), Yes)


def test_the_support_that_fits_best_counts() -> None:
    notebook = NOTEBOOK | {"parameters": {"a": 1}, "mode": "BATCH"}
    supports = (
        ExecutableSupport(kind=kinds.JUPYTER_NOTEBOOK, modes=("INTERACTIVE",)),
        ExecutableSupport(
            kind=kinds.JUPYTER_NOTEBOOK, modes=("BATCH",), features=frozenset({"parameters"})
        ),
    )
    assert isinstance(verdict_of({"executable": notebook}, site(executables=supports)), Yes)
    faults = refused({"executable": notebook}, site(executables=supports[:1]))
    assert list(by_word(faults)) == ["unsupported-mode", "unsupported-feature"]


@pytest.mark.parametrize(
    ("location", "scheme"), [("ftp://x/a", "ftp"), ("FTP:a", "ftp"), ("a.fits", "none")]
)
def test_schemes(location: str, scheme: str) -> None:
    here = site(schemes=frozenset({"https", "http"}))
    request = {"executable": NOTEBOOK | {"location": location}, "data": [data(location=location)]}
    faults = refused(request, here)
    assert [m.values["place"] for m in faults] == ["executable.location", "data[0].location"]
    assert f"reads the schemes http, https, not {scheme}" in (faults[0].message or "")
    assert isinstance(verdict_of(body(data=[data(), S3]), here), Yes)


def test_what_cannot_be_read_is_refused_without_telling_secrets() -> None:
    lookups = {
        "data/0": Lookup(fault="404 Not Found"),
        "data/1": Lookup(fault="no bucket is named"),
        "executable": Lookup(fault="forbidden"),
    }
    request = {
        "executable": NOTEBOOK | {"location": "https://[x"},
        "data": [
            data(location="https://me:secret@example.org/a?token=secret"),
            S3,
        ],
    }
    faults = refused(request, site(), lookups=lookups)
    assert [m.message for m in faults] == [
        "executable at its location cannot be read: forbidden.",
        "data[0] at https://example.org/a cannot be read: 404 Not Found.",
        "data[1] at its source cannot be read: no bucket is named.",
    ]


def test_everything_wrong_with_a_request_is_said_at_once() -> None:
    here = site(
        executables=(ExecutableSupport(kind=kinds.JUPYTER_NOTEBOOK),),
        limits=Limits(cores=2, duration=60),
        prices=(Price(type=kinds.COST_MONETARY, per_core_hour=1.5),),
        timings=Timings(not_here=100),
    )
    request = {
        "executable": NOTEBOOK,
        "compute": compute(cores={"min": 4}),
        "schedule": requested(duration="PT1H", start="../PT2M"),
        "costs": [cost(kinds.COST_MONETARY, max=0), cost(kinds.COST_ENERGY, max=0)],
    }
    faults = refused(request, here)
    assert [m.kind.rpartition(":")[2] for m in faults] == [
        "unsupported-mode",
        "too-much",
        "too-long",
        "not-quoted",
        "too-expensive",
        "not-enough-time",
    ]
    assert isinstance(verdict_of(follow(request, faults), here), Yes)


def test_no_site_at_all() -> None:
    (fault,) = refused(body())
    assert "no-platform" in fault.kind


def test_every_site_says_why_and_nothing_twice() -> None:
    request = body(compute=compute(cores={"min": 9}))
    assert len(refused(request, site("a"), site("b"))) == 2
    assert len(refused(request, site("a"), site("a"))) == 1
