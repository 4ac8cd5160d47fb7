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

GIB = 1 << 30


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
    assert isinstance(verdict_of(body(data=[data(), {"kind": kinds.S3_DATA}]), here), Yes)


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
            {"kind": kinds.S3_DATA},
        ],
    }
    faults = refused(request, site(lookups=lookups))
    assert [m.message for m in faults] == [
        "executable at its location cannot be read: forbidden.",
        "data[0] at https://example.org/a cannot be read: 404 Not Found.",
        "data[1] at its source cannot be read: no bucket is named.",
    ]


def test_limits_and_capacity() -> None:
    here = site(limits=Limits(cores=4, memory=16, duration=3600))
    request = body(
        compute=compute(cores={"min": 5}, memory={"min": 17, "max": 40}),
        schedule=requested(duration="PT2H"),
    )
    faults = refused(request, here)
    assert [suggestion(m) for m in faults] == [
        ("compute.cores.min", "5", "4"),
        ("compute.memory.min", "17", "16"),
        ("schedule.requested.duration", "PT2H", "PT1H"),
    ]
    assert faults[0].message == (
        "compute.cores asks for 5 cores of compute; here can give a session 4 cores at most."
    )
    assert isinstance(verdict_of(follow(request, faults), here), Yes)
    small = site(capacity={"cores": 2, "memory": 3})
    assert only(body(compute=compute(cores={"min": 3})), small)[2] == "2"


def test_what_a_site_has_none_of_cannot_be_had_for_less() -> None:
    (fault,) = refused(body(), site(capacity={"cores": 4}))
    assert suggestion(fault) == ("compute.memory.min", None, None)
    (fault,) = refused(body(), site(outputs=2000))
    assert fault.values["resource"] == "outputs"


def test_the_calendar_may_know_of_less_than_was_reported() -> None:
    here = site()
    here.calendar.capacity["cores"] = 3
    assert only(body(compute=compute(cores={"min": 4})), here)[2] == "3"


def test_the_enormous_is_refused_like_anything_else() -> None:
    most = 2**63 - 1
    request = body(
        compute=compute(cores={"min": most}, memory={"min": most}),
        storage=[storage("s", size={"min": most})],
        schedule=requested(duration="P36500D"),
    )
    faults = refused(request, site(limits=Limits(duration=60)))
    assert [m.values["to"] for m in faults] == ["8", "32", "100", "PT1M"]
    assert isinstance(verdict_of(follow(request, faults), site()), Yes)
    for checks in ({"size": most}, {"size": 1 << 56}):
        (fault,) = refused({"executable": NOTEBOOK | {"checks": checks}}, site())
        assert "would take" in (fault.message or "")
        faults = refused(body(data=[data(checks=checks)]), site())
        assert "too-much" in faults[0].kind


def test_more_than_the_site_has_is_capped_with_a_warning() -> None:
    request = body(
        compute=compute(cores={"min": 1, "max": 100}, memory={"max": 64}),
        storage=[
            storage("a", size={"min": 30, "max": 90}),
            storage("b", size={"min": 20, "max": 60}),
        ],
    )
    verdict = verdict_of(request, site())
    assert isinstance(verdict, Yes)
    warnings = [m for m in verdict.offers[0].messages if m.level == "WARN"]
    assert [(m.values["place"], m.values["limit"]) for m in warnings] == [
        ("compute.cores", "8"),
        ("compute.memory", "32"),
        ("storage[0].size", "80"),
    ]


def test_storage_is_limited_all_together() -> None:
    request = body(
        storage=[
            storage("a", size={"min": 60}),
            storage("b", size={"min": 30, "max": 50}),
            storage("c", size={"min": 40}),
        ],
        data=[data(storage="c", checks={"size": 35 * GIB})],
    )
    faults = refused(request, site())
    assert [suggestion(m) for m in faults] == [("storage[0].size.min", "60", "30")]
    faults = refused(request, site(limits=Limits(storage=37)))
    assert [suggestion(m) for m in faults] == [
        ("storage[0].size.min", "60", "1"),
        ("storage[1].size.min", "30", "1"),
        ("storage[2].size.min", "40", "35"),
    ]
    changed = follow(request, faults)
    assert isinstance(verdict_of(changed, site(limits=Limits(storage=37))), Yes)
    (fault,) = refused(request, site(limits=Limits(storage=36)))
    assert suggestion(fault) == ("storage", None, None)


@pytest.mark.parametrize(
    ("size", "lookup", "suggested", "offered"),
    [
        ({"min": 1}, None, ("storage[0].size.min", "1", "3"), 3),
        ({"min": 1, "max": 2}, None, ("storage[0].size.max", "2", "3"), 3),
        ({"min": 1, "max": 9}, None, None, 3),
        (None, None, None, 3),
        (None, Lookup(size=4 * GIB), None, 4),
    ],
)
def test_storage_holds_its_data(
    size: dict[str, int] | None,
    lookup: Lookup | None,
    suggested: tuple[str, str, str] | None,
    offered: int,
) -> None:
    checks = None if lookup else {"size": 3 * GIB - 5}
    request = body(storage=[storage("s", size=size)], data=[data(storage="s", checks=checks)])
    dear = Price(type=kinds.COST_MONETARY, per_storage_hour=1)
    here = site(lookups={"data/0": lookup} if lookup else {}, prices=(dear,))
    if suggested:
        assert only(request, here) == suggested
        request = follow(request, refused(request, here))
    verdict = verdict_of(request, here)
    assert isinstance(verdict, Yes)
    assert min(offer.terms.storage[0] for offer in verdict.offers) == offered


def test_implied_storage_grows_with_what_a_look_found() -> None:
    verdict = verdict_of(body(data=[data()]), site(lookups={"data/0": Lookup(size=5 * GIB)}))
    assert isinstance(verdict, Yes)
    assert verdict.offers[0].terms.storage == (5,)


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
