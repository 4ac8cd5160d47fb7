"""From flags and files to requests."""

from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.cli.requests import BadRequest, Flags, from_file, from_flags
from execution_broker.models import kinds
from execution_broker.models.component import Cost
from execution_broker.models.executable import Checks
from execution_broker.models.reading import read_request
from execution_broker.models.resources import Range, SimpleData

URL = "https://example.org/data/cat.fits"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def data_of(text: str) -> SimpleData:
    [data] = from_flags(Flags(notebook=URL, data=(text,))).data
    assert isinstance(data, SimpleData)
    return data


def test_all_flags_together_make_a_request_that_a_broker_can_read() -> None:
    request = from_flags(
        Flags(
            notebook="https://example.org/fit.ipynb",
            mode="BATCH",
            cores="2-8",
            memory="4",
            storage="10",
            data=(f"{URL},size=1024,sha256={SHA256}", "https://example.org/x?a=1,b=2,name=x"),
            mounts=("cat.fits=/data/cat.fits", "storage=/scratch"),
            start="../PT6H",
            duration="PT2H",
            max_costs=("monetary=1.5", "urn:example:cost=3"),
        )
    )
    reading = read_request(msgspec.json.decode(msgspec.json.encode(request)))
    assert (reading.request, reading.unknown, reading.faults) == (request, (), ())
    assert request.compute is not None
    assert (request.compute.cores, request.compute.memory) == (Range(min=2, max=8), Range(min=4))
    assert [volume.resource for volume in request.compute.volumes] == ["cat.fits", "storage"]
    assert request.costs == (
        Cost(type=kinds.COST_MONETARY, max=1.5),
        Cost(type="urn:example:cost", max=3.0),
    )
    assert [data.storage for data in request.data] == ["storage", "storage"]
    assert [data.meta.name for data in request.data if data.meta] == ["cat.fits", "x"]


def test_what_is_not_asked_for_is_not_sent() -> None:
    request = from_flags(Flags(notebook="https://example.org/fit.ipynb"))
    assert msgspec.to_builtins(request) == {
        "executable": {"kind": kinds.JUPYTER_NOTEBOOK, "location": "https://example.org/fit.ipynb"}
    }


@given(
    st.lists(
        st.sampled_from(["size=7", f"sha256={SHA256}", "md5=ab", "adler32=cd", "name=mine"]),
        unique=True,
    ),
    st.sampled_from(["", "?a=1,b=2", ",x", "?size=3"]),
)
def test_what_is_known_of_data_stands_behind_its_url_in_any_order(
    known: list[str], tail: str
) -> None:
    data = data_of(",".join([URL + tail, *known]))
    given_ = dict(part.split("=") for part in known)
    assert data.location == URL + tail
    assert data.meta is not None
    name = given_.pop("name", "cat.fits,x" if tail == ",x" else "cat.fits")
    assert data.meta.name == name
    checks = {"size": 7} if "size" in given_ else {}
    expected = Checks(**{**given_, **checks}) if given_ else None  # type: ignore[arg-type]
    assert data.checks == expected


def test_a_file_that_is_here_is_named_by_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my cat.fits").write_bytes(b"")
    data = data_of("my cat.fits")
    assert data.location == str(tmp_path / "my cat.fits")
    assert data.meta is not None
    assert data.meta.name == "my cat.fits"


@given(st.text(max_size=20))
def test_whatever_is_typed_is_a_request_or_refused(text: str) -> None:
    for flags in (
        Flags(notebook=URL, cores=text),
        Flags(notebook=URL, mounts=(text,)),
        Flags(notebook=URL, max_costs=(text,)),
        Flags(notebook=URL, data=(f"{URL},{text}",)),
    ):
        with suppress(BadRequest):
            request = from_flags(flags)
            assert read_request(msgspec.json.decode(msgspec.json.encode(request))).faults == ()


@pytest.mark.parametrize("text", ["2-", "-2", "two", "2.5", "1e3", "2-3-4", ""])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(BadRequest, match="--memory"):
        from_flags(Flags(notebook=URL, memory=text))


def test_words_of_a_file_keep_their_text(tmp_path: Path) -> None:
    file = tmp_path / "request.yml"
    file.write_text(
        "schedule: {requested: {start: 2027-01-01/2027-01-02, duration: PT2H}}\n"
        "executable: {kind: x, answer: NO, environment: {VERSION: 1.10}}\n"
    )
    assert from_file(str(file)) == {
        "schedule": {"requested": {"start": "2027-01-01/2027-01-02", "duration": "PT2H"}},
        "executable": {"kind": "x", "answer": "NO", "environment": {"VERSION": "1.10"}},
    }
