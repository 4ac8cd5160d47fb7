"""The plan: its graph, its costs, and what was assumed for it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.capability import Timings
from execution_broker.domain.demand import Demand, Lookup
from execution_broker.domain.plan import PREPARES, RELEASES, Plan, StepKind
from execution_broker.domain.planning import bytes_to_stage, contents_of, make_plan
from execution_broker.domain.requirements import requirements_key
from tests.domain import builders
from tests.domain.builders import DOCKER, EXAMPLES, NOTEBOOK

TIMINGS = Timings(
    storage=3,
    executable_here=7,
    executable_not_here=70,
    compute=5,
    release=11,
    here=60,
    not_here=3600,
    throughput=1000,
)
SHA = "ab" * 32


def plan_of(demand: Demand, lookups: dict[str, Lookup] | None = None, **parts: Any) -> Plan:
    capability = builders.capability(**{"timings": TIMINGS} | parts)
    return make_plan(demand, contents_of(demand, lookups or {}), capability)[0]


def test_a_wait_for_a_worker_comes_before_all_else() -> None:
    demand = builders.demand(TWO_STORES)
    at_once = plan_of(demand)
    capability = builders.capability(timings=TIMINGS)
    waited, _ = make_plan(demand, contents_of(demand, {}), capability, waiting=40)
    assert waited.prepare_cost() == at_once.prepare_cost() + 40
    assert waited.component_start("compute") == at_once.component_start("compute")
    assert waited.release_cost() == at_once.release_cost()


def edges(plan: Plan) -> dict[str, set[str]]:
    return {step.key: {*step.needs, *step.after} for step in plan.steps}


TWO_STORES = builders.body(
    storage=[builders.storage("one"), builders.storage("two")],
    data=[builders.data(storage="one"), builders.data(storage="one"), builders.data()],
)


def test_the_graph() -> None:
    plan = plan_of(builders.demand(TWO_STORES))
    stores = {f"prepare-storage:storage/{i}" for i in range(3)}
    data = {f"prepare-data:data/{i}" for i in range(3)}
    prepares = {*stores, *data, "prepare-executable", "prepare-compute"}
    released_data = {f"release-data:data/{i}" for i in range(3)}
    released_stores = {f"release-storage:storage/{i}" for i in range(3)}
    releases = {
        "release-compute",
        "collect",
        "release-executable",
        *released_data,
        *released_stores,
    }
    assert edges(plan) == {
        "begin": set(),
        **{key: {"begin"} for key in stores},
        "prepare-data:data/0": {"prepare-storage:storage/0"},
        "prepare-data:data/1": {"prepare-storage:storage/0"},
        "prepare-data:data/2": {"prepare-storage:storage/2"},
        "prepare-executable": {"begin"},
        "prepare-compute": prepares - {"prepare-compute"},
        "start": prepares,
        "watch": {"start"},
        "end": {"begin"},
        "release-compute": {*prepares, "start", "watch"},
        "collect": {"release-compute"},
        "release-executable": {"collect"},
        **{key: {"collect"} for key in released_data},
        "release-storage:storage/0": {
            "release-data:data/0",
            "release-data:data/1",
            "release-executable",
        },
        "release-storage:storage/1": {"release-executable"},
        "release-storage:storage/2": {"release-data:data/2", "release-executable"},
        "finish": releases,
    }


def test_the_machine_may_come_before_the_executable() -> None:
    plan = plan_of(builders.demand(TWO_STORES), executable_after_compute=True)
    graph = edges(plan)
    assert graph["prepare-executable"] == {"prepare-compute"}
    assert "prepare-executable" not in graph["prepare-compute"]
    assert {"prepare-executable", "prepare-compute"} <= graph["start"]
    assert edges(plan_of(builders.demand(builders.body()), executable_after_compute=True))[
        "prepare-compute"
    ] == {"begin"}


def test_only_releases_forgive() -> None:
    """Preparing needs what comes before to be COMPLETED; releasing waits for any end (S7)."""
    for step in plan_of(builders.demand(TWO_STORES)).steps:
        assert not (step.needs if step.kind in RELEASES else step.after)


def test_every_step_names_its_component() -> None:
    plan = plan_of(builders.demand(TWO_STORES))
    components = {step.key: step.component for step in plan.steps}
    assert components["begin"] is components["finish"] is None
    assert components["collect"] == "outputs"
    assert components["prepare-data:data/1"] == components["release-data:data/1"] == "data/1"
    assert components["prepare-executable"] == components["release-executable"] == "executable"
    on_compute = ("prepare-compute", "start", "watch", "end", "release-compute")
    assert {components[key] for key in on_compute} == {"compute"}


@pytest.mark.parametrize(
    ("checks", "lookup", "staged", "seconds", "is_assumed"),
    [
        ({"size": 2500}, None, False, 4, False),
        ({"size": 2000}, None, False, 3, False),
        ({"size": 0}, None, False, 1, False),
        ({"size": 2500, "sha256": SHA.upper()}, None, True, 1, False),
        ({"size": 2500, "sha256": SHA}, None, False, 4, False),
        ({"size": 2500}, Lookup(size=9000), False, 4, False),
        (None, Lookup(size=9000), False, 10, False),
        (None, Lookup(), False, 3600, True),
        (None, None, False, 3600, True),
        ({"sha256": SHA}, None, True, 60, True),
        ({"sha256": SHA}, Lookup(size=9000), True, 1, False),
    ],
)
def test_what_staging_costs(
    checks: dict[str, Any] | None,
    lookup: Lookup | None,
    staged: bool,  # noqa: FBT001 - a column of the table
    seconds: int,
    is_assumed: bool,  # noqa: FBT001 - a column of the table
) -> None:
    demand = builders.demand(builders.body(data=[builders.data(checks=checks)]))
    capability = builders.capability(timings=TIMINGS, staged=frozenset({SHA} if staged else set()))
    contents = contents_of(demand, {"data/0": lookup} if lookup else {})
    plan, remarks = make_plan(demand, contents, capability)
    assert plan.component_cost("data/0") == seconds
    assert ["size-assumed" in m.kind for m in remarks] == [True] * is_assumed
    if is_assumed:
        assert remarks[0].values["place"] == "data[0]"


@pytest.mark.parametrize(
    ("executable", "is_here", "seconds"),
    [
        (DOCKER, True, 7),
        (DOCKER, False, 70),
        (NOTEBOOK | {"checks": {"size": 2500}}, True, 11),
        (NOTEBOOK | {"checks": {"size": 2500}}, False, 74),
        (NOTEBOOK, True, 3607),
    ],
)
def test_what_the_executable_costs(
    executable: dict[str, Any],
    is_here: bool,  # noqa: FBT001 - a column of the table
    seconds: int,
) -> None:
    demand = builders.demand({"executable": executable})
    plan = plan_of(demand, environment_here=is_here)
    assert plan.component_cost("executable") == seconds
    assert plan.prepare_cost() == seconds + 5


def test_requirements_that_are_not_installed_take_as_long_as_an_environment() -> None:
    executable = NOTEBOOK | {"checks": {"size": 2500}, "requirements": ["b==1", "a"]}
    demand = builders.demand({"executable": executable})
    known = frozenset({requirements_key(["a", "b==1"])})
    assert plan_of(demand).component_cost("executable") == 74
    assert plan_of(demand, requirements=known).component_cost("executable") == 11
    missing = plan_of(demand, requirements=known, environment_here=False)
    assert missing.component_cost("executable") == 74


def test_the_longest_path_is_the_cost() -> None:
    checks = {"size": 20_000}
    demand = builders.demand(
        builders.body(
            storage=[builders.storage("one")],
            data=[builders.data(storage="one", checks=checks), builders.data(checks=checks)],
        )
    )
    plan = plan_of(demand)
    assert plan.prepare_cost() == 3 + 21 + 5
    assert plan.release_cost() == 11 + 1 + 1 + 1
    assert plan.component_start("executable") == 7 + 5
    assert plan.component_start("storage/0") == 3 + 21 + 5
    assert plan.component_start("data/1") == 21 + 5
    assert plan.component_start("compute") == 5
    assert plan.component_release("compute") == 11
    assert plan.component_release("data/0") == 11 + 1 + 1
    assert plan.component_release("storage/1") == plan.release_cost()
    assert plan.component_cost("volume/0") == plan.component_start("outputs") == 0


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    stores = draw(st.integers(0, 3))
    homes = draw(st.lists(st.integers(0, stores), max_size=4))
    sizes = [draw(st.integers(0, 50_000)) for _ in homes]
    demand = builders.demand(
        builders.body(
            storage=[builders.storage(f"s{i}") for i in range(stores)],
            data=[
                builders.data(storage=f"s{home}" if home < stores else None, checks={"size": size})
                for home, size in zip(homes, sizes, strict=True)
            ],
        )
    )
    seconds = st.integers(0, 40)
    timings = Timings(
        storage=draw(seconds),
        executable_here=draw(seconds),
        compute=draw(seconds),
        release=draw(seconds),
        throughput=1000,
    )
    return plan_of(demand, timings=timings, executable_after_compute=draw(st.booleans()))


@EXAMPLES
@given(plans())
def test_backwards_and_forwards_agree(plan: Plan) -> None:
    """When every preparation begins as late as it may, each is ready before the next needs it,
    all are ready at the start, and the first begins exactly the prepare cost before it."""
    steps = {s.key: s for s in plan.steps if s.kind in PREPARES}
    begins = {key: -plan.component_start(str(s.component)) for key, s in steps.items()}
    for key, step in steps.items():
        ready = [begins[need] + steps[need].cost for need in step.needs if need in steps]
        assert max(ready, default=begins[key]) <= begins[key]
        assert begins[key] + step.cost <= 0
    assert min(begins.values()) == -plan.prepare_cost()


@EXAMPLES
@given(plans())
def test_everything_is_released_within_the_release_cost(plan: Plan) -> None:
    steps = {s.key: s for s in plan.steps if s.kind in RELEASES}
    ends = {
        key: plan.component_release(str(s.component)) for key, s in steps.items() if s.component
    }
    for key, end in ends.items():
        before = [ends[need] for need in steps[key].after if need in ends]
        assert end == steps[key].cost + max(before, default=0)
    assert max(ends.values()) == plan.release_cost()


@EXAMPLES
@given(plans())
def test_steps_are_listed_after_what_they_wait_for(plan: Plan) -> None:
    seen: set[str] = set()
    for step in plan.steps:
        assert {*step.needs, *step.after} <= seen
        assert step.key not in seen
        seen.add(step.key)
    assert plan.steps[0].kind is StepKind.BEGIN
    assert plan.steps[-1].kind is StepKind.FINISH


def test_sizes_by_component() -> None:
    checks = {"size": 5, "sha256": SHA}
    request = {
        "executable": NOTEBOOK,
        "data": [builders.data(checks=checks), builders.data(), builders.data()],
    }
    demand = builders.demand(request)
    lookups = {"executable": Lookup(size=3), "data/2": Lookup(size=4)}
    contents = contents_of(demand, lookups)
    sizes = {one.key: one.size for one in contents}
    assert sizes == {"executable": 3, "data/0": 5, "data/1": None, "data/2": 4}
    capability = builders.capability(staged=frozenset({SHA}))
    assert bytes_to_stage(contents, capability) == {"executable": 3, "data/2": 4}


@pytest.mark.parametrize(
    ("images", "cost"), [(None, 2), ((), 300), (("example.com/*",), 300), (("example.org/a:*",), 2)]
)
def test_a_container_is_ready_sooner_where_its_image_is_here(
    images: tuple[str, ...] | None, cost: int
) -> None:
    capability = builders.capability(images=images, timings=Timings())
    demand = builders.demand(builders.body(executable=DOCKER))
    plan, _ = make_plan(demand, contents_of(demand, {}), capability)
    assert plan.component_cost("executable") == cost
