"""XML: what other writers send is read, and what is hostile is refused at once."""

import time
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.errors import InvalidBody, MalformedBody
from execution_broker.formats import XML
from execution_broker.formats.limits import DEPTH
from execution_broker.models import kinds
from execution_broker.models.execution import ExecutionRequest
from execution_broker.models.extensions import Fault, Problem
from execution_broker.models.reading import read_request
from execution_broker.models.update import EnumUpdate, Update

CONTAINER = f'kind="{kinds.DOCKER_CONTAINER}"'


def read(inner: str) -> Any:
    return XML.read(f"<offers-request>{inner}</offers-request>".encode(), ExecutionRequest)


def executable(inner: str) -> Any:
    return read(f"<executable {CONTAINER}>{inner}</executable>")["executable"]


def test_what_is_written_looks_like_the_schema_says() -> None:
    body = {
        "executable": {
            "kind": kinds.DOCKER_CONTAINER,
            "command": ["ls", "-l"],
            "environment": {"A": "1 < 2"},
        },
        "costs": [{"kind": kinds.MINMAX_COST, "max": 5.0}],
    }
    assert XML.write(read_request(body).request).decode().partition("\n")[2] == (
        f'<offers-request><executable kind="{kinds.DOCKER_CONTAINER}">'
        "<command><item>ls</item><item>-l</item></command>"
        '<environment><item name="A">1 &lt; 2</item></environment></executable>'
        f'<costs><cost kind="{kinds.MINMAX_COST}"><max>5.0</max></cost></costs>'
        "</offers-request>"
    )


def test_a_problem_is_that_of_the_rfc() -> None:
    problem = Problem(type="urn:x", title="No", status=422, faults=(Fault(place="$", fault="f"),))
    assert XML.write(problem).decode().partition("\n")[2] == (
        '<problem xmlns="urn:ietf:rfc:7807"><type>urn:x</type><title>No</title>'
        "<status>422</status><faults><i><place>$</place><fault>f</fault></i></faults></problem>"
    )


@pytest.mark.parametrize(
    "inner",
    [
        "<command><item>ls</item><item>-l</item></command>",
        "<command>ls</command><command>-l</command>",
        "<command><command>ls</command><command>-l</command></command>",
        "<command><item>ls</item></command><command>-l</command>",
    ],
)
def test_lists_of_text_wrapped_and_bare(inner: str) -> None:
    assert executable(inner)["command"] == ["ls", "-l"]


COST = f'kind="{kinds.MINMAX_COST}"'
ITEM = f"{COST}><max>1</max><type>x</type>"


@pytest.mark.parametrize(
    "inner",
    [
        f"<costs><cost {ITEM}</cost><cost {ITEM}</cost></costs>",
        f"<costs><item {ITEM}</item><item {ITEM}</item></costs>",
        f"<costs {ITEM}</costs><costs {ITEM}</costs>",
        f"<cost {ITEM}</cost><cost {ITEM}</cost>",
        f"<costs><costs {ITEM}</costs><costs {ITEM}</costs></costs>",
        f"<cost><kind>{kinds.MINMAX_COST}</kind><max> 1\n</max><type>x</type></cost>" * 2,
    ],
)
def test_lists_of_objects_wrapped_and_bare(inner: str) -> None:
    assert read(inner)["costs"] == [{"kind": kinds.MINMAX_COST, "max": 1.0, "type": "x"}] * 2


def test_a_message_that_is_called_as_its_text_is() -> None:
    message = "<kind>k</kind><level>INFO</level><message>text</message>"
    wanted = [{"kind": "k", "level": "INFO", "message": "text"}]
    for inner in (f"<messages><message>{message}</message></messages>", f"<messages>{message}"):
        closed = inner if inner.endswith("</messages>") else f"{inner}</messages>"
        assert executable(f"<meta>{closed}</meta>")["meta"]["messages"] == wanted


@pytest.mark.parametrize(
    "inner",
    [
        '<environment><item name="A">NO</item><item name="B"> 1.10 </item></environment>',
        "<environment><A>NO</A><B> 1.10 </B></environment>",
    ],
)
def test_maps(inner: str) -> None:
    assert executable(inner)["environment"] == {"A": "NO", "B": " 1.10 "}


def test_namespaces_comments_and_instructions_do_not_matter() -> None:
    body = b"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
        <?go away?><!-- <a> --><x:offers-request xmlns:x="urn:x" version="1">
        <x:schedule xmlns:y="urn:y" y:a="1"><x:requested><!-- c -->
        <x:duration>PT<![CDATA[1]]>H</x:duration></x:requested></x:schedule>
        </x:offers-request>"""
    wanted = {"schedule": {"requested": {"duration": "PT1H"}}, "@version": ""}
    assert XML.read(body, ExecutionRequest) == wanted


def test_what_is_unknown_is_kept_by_its_name() -> None:
    """Whatever is in it, however often it is there."""
    body = read(
        '<teapot><deep/><deep/></teapot><teapot> </teapot><pot xsi:nil="true" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"/>'
        f'<compute kind="{kinds.SIMPLE_COMPUTE}"><cores min="8"/><corez/></compute>'
    )
    assert body["teapot"] == ""
    named = {one.place: one.nearest for one in read_request(body).ignored.named}
    assert named == {
        "teapot": None,
        "compute.cores.@min": "compute.cores.min",
        "compute.corez": "compute.cores",
    }


def test_what_is_not_of_its_type_is_named_with_its_place() -> None:
    body = read(
        '<executable kind="urn:unheard-of"><image/></executable>'
        f'<compute kind="{kinds.SIMPLE_COMPUTE}"><cores><min>two</min></cores></compute>'
        f'<storage><item kind="{kinds.SIMPLE_STORAGE}"><size>10</size></item></storage>'
        "<schedule>soon</schedule><data><item><location>x</location></item></data>"
    )
    reading = read_request(body)
    assert [unknown.kind for unknown in reading.unknown] == ["urn:unheard-of"]
    assert [fault.place for fault in reading.faults] == [
        *("$.compute.cores.min", "$.storage[0].size", "$.data[0].kind", "$.schedule"),
    ]


@pytest.mark.parametrize("number", ["9" * 30, "9" * 5000, "1e3", "", "0x10", "1_0", "٣"])
def test_integers_that_are_none(number: str) -> None:
    cores = f"<cores><min>{number}</min></cores>"
    body = read(f'<compute kind="{kinds.SIMPLE_COMPUTE}">{cores}</compute>')
    assert [fault.place for fault in read_request(body).faults] == ["$.compute.cores.min"]


@pytest.mark.parametrize("number", ["NaN", "INF", "1e999", "", "one"])
def test_numbers_that_are_none(number: str) -> None:
    body = read(f"<cost {COST}><max>{number}</max></cost>")
    assert [fault.place for fault in read_request(body).faults] == ["$.costs[0].max"]


def test_nil_is_absent() -> None:
    nil = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"'
    assert read(f"<schedule {nil}/><costs/>") == {"costs": []}


@pytest.mark.parametrize("root", ["update", "AbstractUpdate", "EnumValueUpdate"])
def test_roots_that_stand_for_an_update(root: str) -> None:
    inner = "<path>phase</path><value>ACCEPTED</value>"
    body = f'<{root} kind="{kinds.ENUM_UPDATE}">{inner}</{root}>'.encode()
    wanted = {"kind": kinds.ENUM_UPDATE, "path": "phase", "value": "ACCEPTED"}
    assert XML.read(body, Update) == XML.read(body, EnumUpdate) == wanted


def test_another_root_is_a_fault() -> None:
    with pytest.raises(InvalidBody, match=r"\$"):
        XML.read(b"<update/>", ExecutionRequest)


def test_what_xml_cannot_say_is_replaced() -> None:
    written = XML.write(EnumUpdate(path="a\0b\x01\ud800", value="\ufffe"))
    assert XML.read(written, Update) == {
        "kind": kinds.ENUM_UPDATE,
        "path": "a\ufffdb\ufffd\ufffd",
        "value": "\ufffd",
    }


LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12))
HOSTILE = {
    "nothing": b"",
    "text": b"just text",
    "json": b"{}",
    "laughs": f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]><a>&l11;</a>'.encode(),
    "a file": b'<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]><a>&f;</a>',
    "a parameter entity": b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:1/p">%p;]><a/>',
    "an outer subset": b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><a/>',
    "a bare document type": b"<!DOCTYPE offers-request><offers-request/>",
    "an unknown entity": b"<offers-request>&nothing;</offers-request>",
    "not UTF-8": b"<a>\xff</a>",
    "UTF-16": "<offers-request/>".encode("utf-16"),
    "another encoding": b'<?xml version="1.0" encoding="UTF-7"?><a>+ADw-\xe9</a>',
    "a control character": b"<a>\x01</a>",
    "NUL": b"<a>&#0;</a>",
    "too deep": b"<a>" * (DEPTH + 1) + b"</a>" * (DEPTH + 1),
    "endless": b"<a>" * 300_000,
    "many elements": b"<a>" + b"<b/>" * 200_000 + b"</a>",
    "many attributes": b"<a " + b" ".join(b'a%d=""' % i for i in range(80_000)) + b"/>",
    "many namespaces": b"<a " + b" ".join(b'xmlns:a%d="u"' % i for i in range(60_000)) + b"/>",
    "a long name": b"<" + b"a" * 1_000_000 + b"/>",
    "a long attribute": b'<a b="' + b"x" * 1_000_000 + b'"/>',
    "two attributes of a name": b'<a kind="1" kind="2"/>',
    "two roots": b"<a/><b/>",
    "an element twice": b"<offers-request><schedule/><schedule/></offers-request>",
    "text beside elements": b"<offers-request>x<schedule/></offers-request>",
    "many comments": b"<a>" + b"<!---->" * 140_000,
    "many sections": b"<a>" + b"<![CDATA[]]>" * 80_000,
    "many references": b"<a>" + b"&amp;" * 200_000,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_hostile_documents_are_refused_in_bounded_time_and_memory(body: bytes) -> None:
    assert len(body) < 1 << 21
    tracemalloc.start()
    begun = time.process_time()
    try:
        with pytest.raises((MalformedBody, InvalidBody)) as refused:
            XML.read(body, ExecutionRequest)
        taken = time.process_time() - begun
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (taken < 3, most < 64 << 20) == (True, True), (taken, most)
    assert "root:" not in str(refused.value)


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_nothing_else_breaks_the_reader(body: str | bytes) -> None:
    raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    for data in (raw, b"<offers-request>" + raw + b"</offers-request>"):
        with suppress(MalformedBody, InvalidBody):
            read_request(XML.read(data, ExecutionRequest))
