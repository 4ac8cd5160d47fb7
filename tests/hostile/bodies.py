"""Two hundred bodies that nobody means well with, for a request."""

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from execution_broker.models import kinds

JSON: Final = "application/json"
YAML: Final = "application/yaml"
XML: Final = "application/xml"


class Hostile(NamedTuple):
    name: str
    content_type: str
    body: bytes


def bodies() -> list[Hostile]:
    made = [*_json(), *_yaml(), *_xml(), *_encodings(), *_values()]
    assert len({one.name for one in made}) == len(made)
    return made


def _json() -> Iterator[Hostile]:
    texts: dict[str, bytes] = {
        "nothing": b"",
        "spaces": b" " * 100_000,
        "a brace": b"{",
        "no end": b'{"data": [',
        "two values": b"{}{}",
        "a comma": b'{"data": [],}',
        "a comment": b"{/* x */}",
        "single quotes": b"{'data': []}",
        "NaN": b'{"costs": [{"max": NaN}]}',
        "Infinity": b'{"costs": [{"max": Infinity}]}',
        "a number beyond": b'{"costs": [{"max": 1e999}]}',
        "a key twice": b'{"data": [], "data": []}',
        "a key twice, escaped": b'{"data": [], "d\\u0061ta": []}',
        "a key twice, deep": b'{"a": {"b": [{"c": 1, "c": 2}]}}',
        "NUL": b'{"data": "\\u0000"}',
        "a raw NUL": b'{"data": "\0"}',
        "half a pair": b'{"data": "\\ud800"}',
        "a raw control": b'{"data": "\x01"}',
        "an octal": b'{"costs": 017}',
        "a plus": b'{"costs": +1}',
        "a bare word": b"true false",
        "a byte order mark": b"\xef\xbb\xbf{}",
    }
    for depth in (65, 100, 1_000, 10_000, 200_000):
        texts[f"lists, {depth} deep"] = b"[" * depth + b"]" * depth
        texts[f"objects, {depth} deep"] = b'{"a":' * depth + b"1" + b"}" * depth
        texts[f"open lists, {depth} deep"] = b"[" * depth
    for name, text in texts.items():
        yield Hostile(f"json: {name}", JSON, text)


def _yaml() -> Iterator[Hostile]:
    laughs = b"a0: &a0 [ha, ha]\n" + b"".join(
        b"a%d: &a%d [*a%d, *a%d, *a%d]\n" % (i, i, i - 1, i - 1, i - 1) for i in range(1, 30)
    )
    texts = {
        "laughs": laughs,
        "an anchor": b"a: &x 1",
        "an alias": b"a: *x",
        "a merge": b"a: {<<: {b: 1}, c: *x}",
        "itself": b"&a [*a]",
        "a tag": b"a: !!python/object/apply:os.system [id]",
        "a set": b"a: !!set {b, c}",
        "binary": b"a: !!binary aGVsbG8=",
        "two documents": b"a: 1\n---\nb: 2",
        "a directive": b"%YAML 3.0\n---\na: 1",
        "a tab": b"a:\n\tb: 1",
        "a key twice": b"data: []\ndata: []",
        "a list as key": b"[a]: 1",
        "a map as key": b"? {a: 1}\n: 2",
        "infinity": b"costs: .inf",
        "no number": b"costs: .nan",
        "a long number": b"costs: " + b"9" * 100_000,
        "a long float": b"costs: 1e99999",
        "open lists": b"[" * 300_000,
        "open maps": b"{a: " * 200_000,
        "dashes": b"- " * 300_000,
        "question marks": b"? " * 300_000,
        "colons": b": " * 300_000,
        "quotes": b'"' * 300_001,
        "anchors only": b"&a " * 200_000,
        "a long scalar": b"a: " + b"x" * 900_000,
        "a long key": b"x" * 900_000 + b": 1",
        "escapes": b'a: "' + b"\\x41" * 200_000 + b'"',
        "block scalars": b"a: |\n" + b" x\n" * 200_000,
        "comments": b"#\n" * 400_000,
        "many keys": b"".join(b"k%d: 1\n" % i for i in range(60_000)),
    }
    for name, text in texts.items():
        yield Hostile(f"yaml: {name}", YAML, text)


def _xml() -> Iterator[Hostile]:
    entities = b"".join(b'<!ENTITY l%d "%s">' % (i, b"&l%d;" % (i - 1) * 10) for i in range(1, 20))
    root = b"<offers-request>%s</offers-request>"
    texts = {
        "laughs": b'<!DOCTYPE a [<!ENTITY l0 "ha">' + entities + b"]><a>&l19;</a>",
        "quadratic": b'<!DOCTYPE a [<!ENTITY b "'
        + b"b" * 100_000
        + b'">]><a>'
        + b"&b;" * 100_000
        + b"</a>",
        "a file": b'<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + root % b"&f;",
        "a parameter": b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p">%p;]><a/>',
        "a subset": b'<!DOCTYPE offers-request SYSTEM "http://127.0.0.1:9/d"><offers-request/>',
        "an inclusion": root % b'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude"/><',
        "an unknown entity": root % b"&nothing;",
        "another root": b"<update/>",
        "html": b"<!doctype html><html></html>",
        "deep": b"<a>" * 100_000,
        "deep and closed": b"<a>" * 200 + b"</a>" * 200,
        "many": b"<a>" + b"<b/>" * 200_000 + b"</a>",
        "attributes": b"<a " + b" ".join(b'a%d=""' % i for i in range(80_000)) + b"/>",
        "namespaces": b"<a " + b" ".join(b'xmlns:a%d="u"' % i for i in range(50_000)) + b"/>",
        "one attribute twice": b'<offers-request a="1" a="2"/>',
        "comments": b"<a>" + b"<!---->" * 140_000,
        "sections": b"<a>" + b"<![CDATA[]]>" * 80_000,
        "references": b"<a>" + b"&amp;" * 200_000,
        "a control": root % b"\x01",
        "NUL": root % b"&#0;",
        "a surrogate": root % b"&#xd800;",
        "text": root % b"text<schedule/>",
        "an element twice": root % b"<schedule/><schedule/>",
        "no document": b"{}",
        "half": b"<offers-request",
        "another encoding": b'<?xml version="1.0" encoding="UTF-7"?><a>\xff</a>',
        "version two": b'<?xml version="2.0"?><offers-request></a>',
    }
    for name, text in texts.items():
        yield Hostile(f"xml: {name}", XML, text)


def _encodings() -> Iterator[Hostile]:
    text = '{"data": [], "é": "ü"}'
    for encoding in ("utf-16", "utf-16-le", "utf-32", "latin-1", "cp037", "utf-7"):
        for content_type in (JSON, YAML, XML):
            written = text if content_type != XML else "<offers-request><a>é</b></offers-request>"
            kind = content_type.rpartition("/")[2]
            if encoding != "utf-7" or content_type == XML:
                yield Hostile(f"{kind} in {encoding}", content_type, written.encode(encoding))
    for content_type in (JSON, YAML, XML):
        kind = content_type.rpartition("/")[2]
        for name, data in {
            "overlong": b"\xc0\x80",
            "continuations": b"\x80" * 100_000,
            "compressed": b"\x1f\x8b\x08\x00" + b"\0" * 100,
        }.items():
            yield Hostile(f"{kind}: {name}", content_type, data)
    for charset in ("utf-16", "latin-1", "utf-7", "none"):
        yield Hostile(f"charset {charset}", f"{JSON}; charset={charset}", b"{}")
    for content_type in ("text/plain", "application/octet-stream", "multipart/form-data", "x", ""):
        yield Hostile(f"type {content_type!r}", content_type, b"{}")


def _values() -> Iterator[Hostile]:
    """Bodies that can be decoded, and hold what nobody can have or what the schema forbids."""
    notebook: dict[str, Any] = {"kind": kinds.JUPYTER_NOTEBOOK, "location": "http://127.0.0.1:9/n"}
    compute: dict[str, Any] = {"kind": kinds.SIMPLE_COMPUTE}
    data: dict[str, Any] = {"kind": kinds.SIMPLE_DATA, "location": "http://127.0.0.1:9/d"}
    requests: dict[str, Any] = {
        "an empty kind": {"executable": {"kind": ""}},
        "a long kind": {"executable": {"kind": "x" * 500_000}},
        "a kind as path": {"executable": {"kind": "../../etc/passwd"}},
        "a number as kind": {"executable": {"kind": 7}},
        "a list as body": [],
        "text as body": "text",
        "true as body": True,
        "many data": {"executable": notebook, "data": [data] * 5_000},
        "many storages": {
            "executable": notebook,
            "storage": [{"kind": kinds.SIMPLE_STORAGE}] * 5_000,
        },
        "many costs": {"executable": notebook, "costs": [{"kind": kinds.MINMAX_COST}] * 5_000},
        "many empty objects": {"data": [{}] * 200_000},
        "many nulls": {"data": [None] * 200_000},
        "many keys": {str(i): i for i in range(50_000)},
        "many keys everywhere": {
            "executable": notebook,
            "data": [{**data, **{f"k{i}": i for i in range(100)}} for _ in range(500)],
        },
        "long keys": {"executable": notebook, **{f"{i}{'x' * 40_000}": i for i in range(20)}},
        "many variables": {
            "executable": {
                "kind": kinds.DOCKER_CONTAINER,
                "environment": {f"K{i}": "v" for i in range(20_000)},
            }
        },
        "wrong variables": {
            "executable": {
                "kind": kinds.DOCKER_CONTAINER,
                "environment": {f"K{i}": i for i in range(50_000)},
            }
        },
    }
    numbers = {
        "zero": 0,
        "minus one": -1,
        "the largest": 2**63 - 1,
        "the smallest": -(2**63),
        "one more": 2**63,
        "huge": 10**300,
        "a float": 1.5,
        "text": "1",
    }
    for name, number in numbers.items():
        requests[f"{name} of cores"] = {
            "executable": notebook,
            "compute": {**compute, "cores": {"min": number}},
        }
        requests[f"{name} of memory"] = {
            "executable": notebook,
            "compute": {**compute, "memory": {"min": 1, "max": number}},
        }
        requests[f"{name} of storage"] = {
            "executable": notebook,
            "storage": [{"kind": kinds.SIMPLE_STORAGE, "size": {"min": number}}],
        }
        requests[f"{name} as size"] = {"executable": {**notebook, "checks": {"size": number}}}
        requests[f"{name} as cost"] = {
            "executable": notebook,
            "costs": [{"kind": kinds.MINMAX_COST, "max": number}],
        }
    durations = (
        *("", "P", "PT", "-PT1H", "P1Y", "P1M", "PT0S", "PT1E9H", f"PT{'9' * 400}H", "PT1H" * 1000),
        *("P99999999999W", "one hour", "PT1H/PT2H", "\u0663"),
    )
    for index, duration in enumerate(durations):
        requests[f"duration {index}: {duration[:12]!r}"] = {
            "executable": notebook,
            "schedule": {"requested": {"duration": duration}},
        }
    starts = (
        *("", "/", "//", "2027-01-01", "2027-13-01/2027-01-01", "2027-01-01T25:00:00Z/PT1H"),
        *("9999-12-31T23:59:59Z/P9999W", "0000-01-01/0001-01-01", "2027-01-02/2027-01-01"),
        *("-5000-01-01/PT1H", "../2027", "now/later", f"{'9' * 1000}-01-01/PT1H"),
    )
    for index, start in enumerate(starts):
        requests[f"start {index}: {start[:12]!r}"] = {
            "executable": notebook,
            "schedule": {"requested": {"start": start, "duration": "PT1H"}},
        }
    paths = (
        *("../../etc/passwd", "/etc/passwd", "a/../../b", "//", ".", "..", "a\\..\\b", "%2e%2e/"),
        *("\u202e", "x" * 100_000, "CON", "a\nb", "~/x", "file:///etc/passwd"),
    )
    for index, path in enumerate(paths):
        volume = {"kind": kinds.SIMPLE_VOLUME, "path": path, "resource": "d"}
        requests[f"mount {index}: {path[:12]!r}"] = {
            "executable": notebook,
            "compute": {**compute, "volumes": [volume]},
            "data": [{**data, "meta": {"name": "d"}}],
        }
        requests[f"name {index}: {path[:12]!r}"] = {
            "executable": notebook,
            "data": [{**data, "meta": {"name": path}, "location": path}],
        }
    for name, request in requests.items():
        yield Hostile(f"value: {name}", JSON, json.dumps(request).encode())
