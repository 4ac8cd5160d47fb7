"""How the parts of a request refer to each other, by name or by uuid."""

from execution_broker.domain.suggesting import suggestion_of
from tests.domain.builders import (
    body,
    compute,
    data,
    demand,
    faults,
    follow,
    has_remedy,
    storage,
    volume,
)

UUID_TEXT = "0F8FAD5B-D9CB-469F-A165-70867728950E"


def test_references_by_name_and_by_uuid() -> None:
    request = body(
        storage=[storage("a"), storage(meta={"uuid": UUID_TEXT}), storage("b")],
        data=[
            data("d", storage="b"),
            data(storage=UUID_TEXT.lower()),
            data(meta={"uuid": UUID_TEXT[:-1] + "f"}),
        ],
        compute=compute(
            volumes=[
                volume("/in", "d"),
                volume("/work", "a", mode="READONLY"),
                volume("more", UUID_TEXT[:-1] + "F"),
            ]
        ),
    )
    found = demand(request)
    assert [d.storage for d in found.data] == [2, 1, 3]
    assert [s.implied for s in found.storage] == [False, False, False, True]
    assert [v.target for v in found.volumes] == ["data/0", "storage/0", "data/2"]


def test_an_unknown_reference_names_the_known_ones() -> None:
    request = body(storage=[storage("a")], data=[data(storage="b")])
    (fault,) = faults(request)
    assert fault.message is not None
    assert "data[0].storage refers to b" in fault.message
    assert fault.values["known"] == "a"
    assert demand(follow(request, [fault])).data[0].storage == 0


def test_where_several_are_known_none_is_suggested() -> None:
    many = [storage(f"s{i}") for i in range(12)]
    (fault,) = faults(body(storage=many, compute=compute(volumes=[volume("/a", "x" * 500)])))
    assert not has_remedy(fault)
    assert fault.values["known"].endswith("s9 and 2 more")
    assert len(fault.values["reference"]) < 130


def test_a_word_that_is_ambiguous_is_not_suggested() -> None:
    request = body(storage=[storage("a"), storage("a")], data=[data(storage="b")])
    (fault,) = faults(request)
    assert fault.values["known"] == "a"
    assert suggestion_of(fault) == ("data[0].storage", None, "b")


def test_an_ambiguous_reference() -> None:
    request = body(
        storage=[storage("a"), storage("a")],
        data=[data("a", storage="a")],
        compute=compute(volumes=[volume("/a", "a")]),
    )
    assert [(m.values["place"], m.values["count"]) for m in faults(request)] == [
        ("data[0].storage", "2"),
        ("compute.volumes[0].resource", "3"),
    ]


def test_one_component_with_its_uuid_as_name_is_no_two() -> None:
    meta = {"name": UUID_TEXT, "uuid": UUID_TEXT}
    request = body(storage=[storage(meta=meta)], data=[data(storage=UUID_TEXT)])
    assert demand(request).data[0].storage == 0
