"""What lets somebody in is taken out of URLs wherever they stand, and put back where it was."""

import json
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.models import kinds
from execution_broker.models.executable import DockerContainer, Executable, Image, JupyterNotebook
from execution_broker.models.resources import Data, SimpleData, SkaoData
from execution_broker.models.secrets import Hiding, Secret, restored

HIDING = Hiding()
SECRET = st.from_regex(r"[A-Za-z0-9+/=._~%-]{4,12}hush", fullmatch=True)
PLAIN = st.from_regex(r"[A-Za-z0-9._~-]{1,8}", fullmatch=True)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("https://ada:hush@host:80/x", "https://host:80/x"),
        ("https://hush@host/x", "https://host/x"),
        ("https://a:b@hush@host/x", "https://host/x"),
        ("https://ada:hush hush@host/x", "https://host/x"),
        ("https://ada:pa/hush@host/x", "https://..."),
        ("https://ada:pa?hush@host/x", "https://..."),
        ("//ada:hush@host/x", "//host/x"),
        ("s3://key:hush@bucket/x", "s3://bucket/x"),
        ("docker://ada:hush@registry.org/a/b:1", "docker://registry.org/a/b:1"),
        ("ada:hush@registry.org/a/b:1", "registry.org/a/b:1"),
        ("https://h/x?id=1&token=hush&v=2", "https://h/x?id=1&token=&v=2"),
        ("https://h/x?ACCESS_TOKEN=hush", "https://h/x?ACCESS_TOKEN="),
        ("https://h/x?X%2DAmz%2DSignature=hush", "https://h/x?X%2DAmz%2DSignature="),
        ("https://h/x?a=1;sig=hush;b=2", "https://h/x?a=1;sig=;b=2"),
        ("https://h/x?token=hu;sh hush", "https://h/x?token="),
        ("https://h/x;jsessionid=hush/y", "https://h/x;jsessionid=/y"),
        ("https://h/token=hush/y", "https://h/token=/y"),
        ("https://h/x#access_token=hush&a=b", "https://h/x#access_token=&a=b"),
        ("https://h/?u=https%3A%2F%2Fa%3Ahush%40i%2F&b=1", "https://h/?u=&b=1"),
        ("https://h/?u=" + quote(quote("https://i/?sig=hush")), "https://h/?u="),
        ("https://h/?u=https://a:hush@i/x", "https://h/?u=https://i/x"),
        ("--url=https://a:hush@i/x --n=1", "--url=https://i/x --n=1"),
        ("see <https://a:hush@i/x>, //b:hush@j", "see <https://i/x>, //j"),
        ("/path?token=hush and more", "/path?token= and more"),
        ("/path?a=1&amp;token=hush", "/path?a=1&amp;token="),
    ],
)
def test_secrets_are_taken_out(given: str, shown: str) -> None:
    assert HIDING.text(given) == shown
    assert HIDING.is_secret(given)


@pytest.mark.parametrize(
    "text",
    [
        "https://host:8443/@scope/package?version=1&author=ada#part",
        "https://host/x?X-Amz-Date=20270101T000000Z&X-Amz-SignedHeaders=host;range&token=",
        "http://[2001:db8::1]:80/a@b",
        "https://h/x?token",
        "ubuntu:22.04@sha256:" + "a" * 64,
        "localhost:5000/image@sha256:" + "a" * 64,
        "mailto:ada@example.org",
        "ada@example.org: see https://example.org/, a=b",
        "night 3; key=7 // of M31",
        "",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert HIDING.text(text) == text
    assert not HIDING.is_secret(text)


SIGNED = {
    "S3": "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=hush&X-Amz-Date=20270101T000000Z"
    "&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Security-Token=hush&X-Amz-Signature=hush",
    "S3, version 2": "AWSAccessKeyId=hush&Expires=1&Signature=hush%3D",
    "CloudFront": "Expires=1&Signature=hush&Key-Pair-Id=hush",
    "Google": "X-Goog-Algorithm=a&X-Goog-Credential=hush&X-Goog-Signature=hush",
    "Google, version 2": "GoogleAccessId=hush&Expires=1&Signature=hush",
    "Azure": "sv=2024-11-04&se=2027-01-01T00%3A00Z&sr=b&sp=r&sig=hush%3D",
    "Swift": "temp_url_sig=hush&temp_url_expires=1",
    "OSS": "OSSAccessKeyId=hush&Expires=1&Signature=hush",
    "WLCG": "authz=Bearer%20hush",
    "Dataverse": "key=hush",
    "GitLab": "private_token=hush",
    "OAuth": "access_token=hush&client_secret=hush",
    "sessions": "PHPSESSID=hush&session_id=hush&sid=1",
    "passwords": "user=ada&password=hush&api_key=hush&apikey=hush&pwd=hush",
}


@pytest.mark.parametrize("query", SIGNED.values(), ids=SIGNED.keys())
def test_the_signatures_of_common_services_are_known(query: str) -> None:
    shown = HIDING.text(f"https://host/file.fits?{query}")
    assert "hush" not in shown
    assert len(shown.split("&")) == len(query.split("&")), "what is not secret stays"


@given(
    SECRET,
    SECRET,
    st.lists(st.tuples(PLAIN, PLAIN), max_size=3),
    st.sampled_from(["raw", "quoted"]),
)
def test_no_part_of_a_secret_is_left_wherever_it_stands(
    password: str, token: str, others: list[tuple[str, str]], written: str
) -> None:
    user = quote(password, safe="")
    value = quote(token, safe="") if written == "quoted" else token
    pairs = [*(f"{name}={text}" for name, text in others), f"x-token={value}"]
    for order in (pairs, pairs[::-1]):
        shown = HIDING.text(f"https://ada:{user}@host.org/a/b?{'&'.join(order)}#end")
        assert password not in shown
        assert token not in shown.removesuffix("#end")
        assert "hush" not in shown
        assert shown.startswith("https://host.org/a/b?")
        assert HIDING.text(shown) == shown


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_text_can_be_looked_at_twice(text: str) -> None:
    assert HIDING.text(HIDING.text(text)) == HIDING.text(text)


def test_which_parameters_are_secret_can_be_chosen() -> None:
    assert Hiding(["Entry*"]).text("https://h/?entrycode=1&token=2") == (
        "https://h/?entrycode=&token=2"
    )
    assert Hiding([]).text("https://a:b@h/?token=2") == "https://h/?token=2"


def test_what_was_taken_out_is_known_by_its_component_and_can_be_put_back() -> None:
    url = "https://ada:hush@host/{}?token=hush"
    executable = DockerContainer(
        image=Image(locations=("docker://host/image", url.format(1))),
        command=("get", f"--from={url.format(2)}"),
        environment={"SOURCE": url.format(3), "N": "1"},
    )
    body: dict[str, Any] = {
        "executable": msgspec.to_builtins(executable),
        "data": [
            {"kind": kinds.SIMPLE_DATA, "location": "https://host/plain"},
            {"kind": kinds.SKAO_DATA, "skao": {"replicas": [{"dataurl": url.format(4)}]}},
        ],
    }
    values, secrets = HIDING.hide(body)
    assert "hush" not in json.dumps(values)
    assert secrets.keys() == {"executable", "data/1"}
    shown = msgspec.convert(values["executable"], Executable)
    assert restored(shown, secrets["executable"]) == executable
    replica: Data = restored(msgspec.convert(values["data"][1], Data), secrets["data/1"])
    assert isinstance(replica, SkaoData)
    assert replica.skao is not None
    assert replica.skao.replicas[0].dataurl == url.format(4)
    assert "hush" not in repr(secrets)


def test_what_nobody_needs_is_not_kept() -> None:
    url = "https://ada:hush@host/"
    data = {"kind": kinds.SIMPLE_DATA, "meta": {"name": url, "description": url}}
    values, secrets = HIDING.hide(
        {
            "data": [data],
            "compute": {"kind": kinds.SIMPLE_COMPUTE, "meta": {"name": url}},
            url: [url, 1, None, 2.5, True],
        }
    )
    assert secrets == {}
    assert "hush" not in json.dumps(values)
    assert values["https://host/"][1:] == [1, None, 2.5, True]


def test_what_is_not_where_it_was_is_left_as_it_is() -> None:
    notebook = JupyterNotebook(location="https://host/", parameters={"a": 1})
    gone = [Secret(("parameters", "a"), "x"), Secret(("image", "locations", 3), "x")]
    assert restored(notebook, gone) == notebook
    found = restored(SimpleData(location="a"), [Secret(("location",), "b")])
    assert found == SimpleData(location="b")


def test_a_mark_may_stand_for_what_is_gone() -> None:
    marked = Hiding(mark="(hidden)")
    shown = "https://(hidden)@host/x?token=(hidden)&sig="
    assert marked.text("https://a:b@host/x?token=1&sig=") == shown
    assert marked.text(shown) == shown
