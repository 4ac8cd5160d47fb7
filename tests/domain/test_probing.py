"""What has to be looked up before a request can be answered, and for how long it is believed."""

from datetime import UTC, datetime, timedelta

import pytest

from execution_broker.domain.demand import Lookup
from execution_broker.domain.notebooks import Traits
from execution_broker.domain.probing import Question, is_fresh, questions
from execution_broker.models import kinds
from tests.domain.builders import DOCKER, NOTEBOOK, S3, body, cost, data, demand, storage

LOCATED = frozenset({kinds.SIMPLE_DATA, kinds.S3_DATA})
NOW = datetime(2027, 1, 15, 8, tzinfo=UTC)


def test_what_nobody_told_is_asked() -> None:
    request = {
        "executable": NOTEBOOK,
        "data": [data(checks={"size": 0}), data(), data(checks={"md5": "a" * 32})],
    }
    asked = questions(demand(request), LOCATED)
    assert asked.keys() == {"executable", "data/1", "data/2"}
    assert asked["executable"] == Question(location=NOTEBOOK["location"])


def test_where_it_matters_a_notebook_is_read_though_its_size_is_known() -> None:
    wanted = demand({"executable": NOTEBOOK | {"checks": {"size": 5}}})
    asked = questions(wanted, LOCATED, reads_notebooks=True)
    assert asked == {"executable/notebook": Question(location=NOTEBOOK["location"], is_read=True)}
    assert questions(demand({"executable": DOCKER}), LOCATED, reads_notebooks=True) == {}


def test_what_is_known_is_not_asked() -> None:
    assert questions(demand({"executable": NOTEBOOK | {"checks": {"size": 5}}}), LOCATED) == {}
    assert questions(demand({"executable": DOCKER}), LOCATED) == {}


def test_what_no_plugin_locates_is_not_asked() -> None:
    request = body(data=[S3, data(), S3])
    assert questions(demand(request), {kinds.SIMPLE_DATA}).keys() == {"data/1"}
    assert questions(demand(request), LOCATED).keys() == {"data/0", "data/1", "data/2"}
    assert questions(demand({"executable": NOTEBOOK}), frozenset()).keys() == {"executable"}


def test_the_same_content_is_the_same_question_whatever_it_is_called() -> None:
    request = body(
        storage=[storage("s")],
        data=[
            data(),
            data("a", storage="s", replace=True, phase="RUNNING"),
            data(meta={"uuid": "b"}, costs=[cost(kinds.COST_MONETARY, max=1)]),
            data(location="https://example.org/other.fits"),
        ],
    )
    asked = list(questions(demand(request), LOCATED).values())
    assert asked[0] == asked[1] == asked[2]
    assert asked[3] != asked[0]


@pytest.mark.parametrize(
    ("found", "seconds", "believed"),
    [
        (Lookup(size=1), 59, True),
        (Lookup(size=1), 60, False),
        (Lookup(fault="gone"), 4, True),
        (Lookup(fault="gone"), 5, False),
        (Lookup(notebook=Traits("julia")), 5, False),
    ],
)
def test_a_fault_is_believed_only_for_a_moment(
    found: Lookup,
    seconds: int,
    believed: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert is_fresh(found, NOW, NOW + timedelta(seconds=seconds)) == believed
