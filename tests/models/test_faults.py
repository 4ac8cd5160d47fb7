"""Every fault of a body is told at once, with its place."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from execution_broker.models import kinds
from execution_broker.models.faults import MOST
from execution_broker.models.reading import read_request, read_update


def _places(body: Any) -> list[str]:
    return [fault.place for fault in read_request(body).faults]


def test_all_faults_of_one_component_are_told() -> None:
    body = {
        "executable": {
            "kind": kinds.DOCKER_CONTAINER,
            "meta": {"name": 7, "messages": [{"level": "LOUD"}, {"level": 1}]},
            "privileged": "no",
            "environment": {"A": 1, "B": "b", "C": []},
            "network": {"ports": [{"internal": {"port": "x"}}, 7]},
        },
        "compute": {
            "kind": kinds.SIMPLE_COMPUTE,
            "cores": {"min": 1.5, "max": 2**63},
            "volumes": [{"kind": kinds.SIMPLE_VOLUME, "mode": "APPEND", "path": 1}, {}],
        },
        "costs": [{"kind": kinds.MINMAX_COST, "min": "cheap", "max": "dear"}],
        "schedule": {"requested": {"start": 1, "duration": 2}},
    }
    assert sorted(_places(body)) == sorted(
        [
            "$.executable.meta.name",
            "$.executable.meta.messages[0].level",
            "$.executable.meta.messages[1].level",
            "$.executable.privileged",
            "$.executable.environment.A",
            "$.executable.environment.C",
            "$.executable.network.ports[0].internal.port",
            "$.executable.network.ports[1]",
            "$.compute.cores.min",
            "$.compute.cores.max",
            "$.compute.volumes[0].mode",
            "$.compute.volumes[0].path",
            "$.compute.volumes[1].kind",
            "$.costs[0].min",
            "$.costs[0].max",
            "$.schedule.requested.start",
            "$.schedule.requested.duration",
        ]
    )


def test_options_are_told_apart_by_their_kind() -> None:
    options = [{"kind": kinds.ENUM_OPTION, "path": 1, "values": [1]}, {"kind": "urn:other"}]
    body = {"executable": {"kind": kinds.JUPYTER_NOTEBOOK, "meta": {"options": options}}}
    assert _places(body) == [
        "$.executable.meta.options[0].path",
        "$.executable.meta.options[0].values[0]",
        "$.executable.meta.options[1].kind",
    ]


def test_an_update_has_all_of_them_too() -> None:
    found = read_update({"kind": kinds.INTEGER_UPDATE, "path": 1, "value": "x", "units": 2})
    assert isinstance(found, tuple)
    assert {fault.place for fault in found} == {"$.path", "$.value", "$.units"}


def test_there_is_an_end_to_it() -> None:
    environment = {str(number): number for number in range(100_000)}
    body = {"executable": {"kind": kinds.DOCKER_CONTAINER, "environment": environment}}
    assert len(_places(body)) == MOST
    assert len(_places({"data": [{}] * 100_000})) == MOST
    assert len(read_request({"data": [{"kind": "urn:x"}] * 100_000}).unknown) == MOST


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "executable",
                    "compute",
                    "data",
                    "kind",
                    "meta",
                    "costs",
                    "volumes",
                    "options",
                    "x",
                ]
            ),
            inner
            | st.sampled_from([kinds.SIMPLE_COMPUTE, kinds.DOCKER_CONTAINER, kinds.ENUM_OPTION]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(_VALUES)
def test_anything_is_read_or_has_a_fault(body: Any) -> None:
    reading = read_request(body)
    assert all(fault.place.startswith("$") and fault.fault for fault in reading.faults)
