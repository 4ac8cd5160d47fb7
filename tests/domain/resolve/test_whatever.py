"""Whatever a client sends is resolved, or refused with reasons."""

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.demand import Demand
from execution_broker.domain.offer import No
from tests.domain.builders import (
    DOCKER,
    EXAMPLES,
    NOTEBOOK,
    NOW,
    compute,
    data,
    demand,
    follow,
    has_remedy,
    resolved,
    storage,
    volume,
)

UUID_TEXT = "0F8FAD5B-D9CB-469F-A165-70867728950E"

names = st.none() | st.sampled_from(["a", "b", "A", UUID_TEXT, UUID_TEXT.lower()])
numbers = st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 9)
ranges = st.none() | st.fixed_dictionaries({}, optional={"min": numbers, "max": numbers})
metas = st.builds(lambda name, uuid: {"name": name, "uuid": uuid}, names, names)
texts = st.none() | st.text(max_size=12) | st.sampled_from(["PT1H", "../..", "P1Y", "/a", ".."])
schedules = st.builds(lambda d, s: {"requested": {"duration": d, "start": s}}, texts, texts)
stores = st.builds(lambda m, r: storage(meta=m, size=r), metas, ranges)
datas = st.builds(
    lambda m, s, size: data(meta=m, storage=s, checks={"size": size}), metas, names, numbers
)
mounts = st.builds(volume, texts, names)
requests = st.fixed_dictionaries(
    {"executable": st.sampled_from([None, DOCKER, NOTEBOOK])},
    optional={
        "storage": st.lists(stores, max_size=3),
        "data": st.lists(datas, max_size=3),
        "compute": st.builds(
            lambda c, m, v: compute(cores=c, memory=m, volumes=v),
            ranges,
            ranges,
            st.lists(mounts, max_size=3),
        ),
        "schedule": schedules,
    },
)


@EXAMPLES
@given(requests)
def test_whatever_is_asked_is_resolved_or_refused_with_reasons(request: dict[str, Any]) -> None:
    found = resolved(request)
    if isinstance(found, No):
        assert found.messages
        assert {m.level for m in found.messages} == {"ERROR"}
        if all(has_remedy(m) for m in found.messages):
            assert isinstance(resolved(follow(request, found.messages)), Demand)
        return
    assert found.window_start < found.window_end
    assert found.window_end > NOW
    assert found.duration >= timedelta(seconds=1)
    for size in (found.cores, found.memory, *(s.size for s in found.storage)):
        assert 1 <= size.min <= (size.max or size.min)
    named = len(request.get("storage", ()))
    assert [s.implied for s in found.storage[:named]] == [False] * named
    assert all(s.implied for s in found.storage[named:])
    implied_for = [d.storage for d in found.data if d.storage >= named]
    assert implied_for == list(range(named, len(found.storage)))
    keys = {f"storage/{i}" for i in range(named)} | {f"data/{i}" for i in range(len(found.data))}
    assert all(v.target in keys for v in found.volumes)
    assert demand(request) == found
