"""Whose a token is, and every token that is nobody's. The keys are of an issuer on loopback."""

import asyncio
import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, RSAKey
from structlog.testing import LogCapture

from execution_broker.domain.errors import Forbidden, InvalidToken, Unavailable
from execution_broker.domain.identity import Role
from execution_broker.services.oidc import Bearers, Issuer, Timing, tokens
from tests.harness.issuer import FakeIssuer, issuing, sign


@dataclass
class Clocks:
    """`passed`: seconds since the test began, for both."""

    passed: float = 0.0
    begun: float = field(default_factory=time.time)

    def now(self) -> float:
        return self.begun + self.passed

    def steady(self) -> float:
        return self.passed


@pytest.fixture(scope="module")
def running() -> Iterator[FakeIssuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture
def issuer(running: FakeIssuer) -> FakeIssuer:
    """As it is at its start: the same port and first key, nothing else of the test before."""
    running.keys = {"first": running.keys["first"]}
    running.extra, running.about, running.asked = [], {}, []
    running.status, running.page, running.stuck = 200, None, None
    return running


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def lines() -> LogCapture:
    return LogCapture()


@pytest.fixture
async def bearers(issuer: FakeIssuer, clocks: Clocks, lines: LogCapture) -> AsyncIterator[Bearers]:
    trusted = Issuer(
        name="iam",
        url=issuer.url,
        audiences=frozenset({"urn:eb"}),
        administrator_groups=frozenset({"operators"}),
        groups_claim="wlcg.groups",
    )
    log = structlog.wrap_logger(
        None, [lines], wrapper_class=structlog.make_filtering_bound_logger(0)
    )
    made = Bearers([trusted], clocks.now, clocks.steady, log, Timing(100, 1000, 10), seconds=2)
    yield made
    await made.close()


async def test_a_good_token_is_somebodys(bearers: Bearers, issuer: FakeIssuer) -> None:
    claimed = await bearers.whose(issuer.token("first", preferred_username="ada@x"))
    assert (claimed.subject, claimed.username, claimed.role) == ("ada", "ada@x", Role.USER)
    assert (await bearers.whose(issuer.token("first"))).username == "ada"
    several = issuer.token("first", aud=["other", "urn:eb"])
    assert (await bearers.whose(several)).subject == "ada"
    assert len(issuer.asked) == 2, "the keys were asked for once"


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        ({"wlcg.groups": ["astronomers", "operators"]}, Role.ADMINISTRATOR),
        ({"wlcg": {"groups": ["operators"]}}, Role.ADMINISTRATOR),
        ({"wlcg.groups": "users operators"}, Role.ADMINISTRATOR),
        ({"wlcg.groups": ["operator", 7, None]}, Role.USER),
        ({"wlcg": "operators"}, Role.USER),
        ({"groups": ["operators"]}, Role.USER),
    ],
)
async def test_groups_are_roles(
    bearers: Bearers, issuer: FakeIssuer, groups: dict[str, Any], role: Role
) -> None:
    assert (await bearers.whose(issuer.token("first", **groups))).role is role


async def test_a_group_may_be_needed(issuer: FakeIssuer, clocks: Clocks) -> None:
    trusted = Issuer("iam", issuer.url, frozenset({"urn:eb"}), user_groups=frozenset({"users"}))
    made = Bearers([trusted], clocks.now, clocks.steady, structlog.get_logger())
    try:
        assert (await made.whose(issuer.token("first", groups=["users"]))).role is Role.USER
        with pytest.raises(Forbidden, match="none of its groups"):
            await made.whose(issuer.token("first", groups=["others"]))
    finally:
        await made.close()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": 1}, "expired"),
        ({"exp": None}, "exp"),
        ({"exp": "soon"}, "exp"),
        ({"nbf": 2**40}, "does not hold yet"),
        ({"iat": 2**40}, "does not hold yet"),
        ({"aud": "urn:other"}, "another audience"),
        ({"aud": []}, "another audience"),
        ({"aud": None}, "aud"),
        ({"aud": {"urn:eb": True}}, "aud"),
        ({"iss": "https://elsewhere.example"}, "not trusted here"),
        ({"iss": None}, "iss"),
        ({"sub": ""}, "subject"),
        ({"sub": "a" * 256}, "subject"),
        ({"sub": "a\nb"}, "subject"),
        ({"sub": None}, "sub"),
    ],
)
async def test_claims_that_do_not_hold(
    bearers: Bearers, issuer: FakeIssuer, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidToken, match=reason):
        await bearers.whose(issuer.token("first", **changes))


async def test_clocks_may_disagree_a_little(
    bearers: Bearers, issuer: FakeIssuer, clocks: Clocks
) -> None:
    token = issuer.token("first", exp=clocks.begun + 600, nbf=clocks.begun + 50)
    await bearers.whose(token)
    clocks.passed = 659
    await bearers.whose(token)
    clocks.passed = 661
    with pytest.raises(InvalidToken, match="expired"):
        await bearers.whose(token)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def hmac_signed(secret: bytes, claims: dict[str, Any]) -> str:
    """What a library would believe that lets the token choose how a key is used."""
    text = f"{part({'alg': 'HS256', 'kid': 'first'})}.{part(claims)}"
    digest = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


async def test_hostile_forms(bearers: Bearers, issuer: FakeIssuer) -> None:
    good = issuer.token("first")
    head, body, signature = good.split(".")
    public = issuer.keys["first"].as_pem(private=False)
    other = RSAKey.generate_key(2048)
    as_json = json.dumps(issuer.keys["first"].as_dict(private=False)).encode()
    claims = issuer.claims()
    evil = part({**claims, "sub": "admin"})
    own = {**other.as_dict(private=False), "kid": "first"}
    hostile = {
        "none": f"{part({'alg': 'none', 'kid': 'first'})}.{body}.",
        "none with a signature": f"{part({'alg': 'none'})}.{body}.{signature}",
        "None": f"{part({'alg': 'None', 'kid': 'first'})}.{body}.{signature}",
        "no algorithm": f"{part({'kid': 'first'})}.{body}.{signature}",
        "HMAC with the public key": hmac_signed(public, claims),
        "HMAC with the public key as JSON": hmac_signed(as_json, claims),
        "tampered": f"{head}.{evil}.{signature}",
        "tampered signature": f"{head}.{body}.{signature[:-8]}AAAAAAAA",
        "no signature": f"{head}.{body}.",
        "another key": sign(other, {"alg": "RS256", "kid": "first"}, claims),
        "its own key": sign(other, {"alg": "RS256", "kid": "first", "jwk": own}, claims),
        "a key elsewhere": sign(
            other, {"alg": "RS256", "kid": "first", "jku": "http://127.0.0.1:1/"}, claims
        ),
        "crit": f"{part({'alg': 'RS256', 'kid': 'first', 'crit': ['x'], 'x': 1})}.{body}.AAAA",
        "another type": sign(
            issuer.keys["first"], {"alg": "RS256", "kid": "first", "typ": "logout+jwt"}, claims
        ),
        "four parts": good + ".x",
        "encrypted": ".".join([head, body, signature, "x", "y"]),
        "not base64": f"{head}.!!!.{signature}",
        "a list": f"{head}.{part([])}.{signature}",
        "deep": f"{head}.{base64.urlsafe_b64encode(b'[' * 9000).decode()}.{signature}",
        "long": good + "A" * tokens.LONGEST,
        "empty": "",
        "dots": "..",
        "letters": "not.a.token",
    }
    answers = await asyncio.gather(
        *(bearers.whose(text) for text in hostile.values()), return_exceptions=True
    )
    believed = [
        name
        for name, answer in zip(hostile, answers, strict=True)
        if not isinstance(answer, InvalidToken)
    ]
    assert believed == []
    assert (await bearers.whose(good)).subject == "ada"


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_nothing_that_is_changed_holds(running: FakeIssuer, data: st.DataObject) -> None:
    """One changed character of a signed part is one too many, except in unused bits at an end."""
    key = running.keys["first"]
    text = sign(key, {"alg": "RS256", "kid": "first"}, running.claims(iat=1, exp=2**33))
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from("ABCabc019-_."))
    changed = text[:place] + letter + text[place + 1 :]
    ends = {text.index(".") - 1, text.rindex(".") - 1, len(text) - 1}
    if changed == text or place in ends:
        return
    trusted = Issuer("iam", running.url, frozenset({"urn:eb"}))
    with pytest.raises(InvalidToken):
        _check(changed, trusted, key)


@given(st.text(max_size=300) | st.binary(max_size=200).map(lambda raw: f"a.{raw.hex()}.b"))
def test_no_text_at_all_is_more_than_refused(text: str) -> None:
    with pytest.raises(InvalidToken):
        tokens.read(text)


def _check(text: str, trusted: Issuer, key: Any) -> None:
    token = tokens.read(text)
    tokens.judge(token.claims, trusted, time.time())
    tokens.verify(token, trusted, [key])


async def test_a_rotated_key_is_fetched_and_the_old_one_forgotten(
    bearers: Bearers, issuer: FakeIssuer, clocks: Clocks
) -> None:
    old = issuer.token("first")
    await bearers.whose(old)
    first = issuer.keys.pop("first")
    issuer.add_key("second", ECKey.generate_key("P-256"))
    clocks.passed += 11
    assert (await bearers.whose(issuer.token("second", "ES256"))).subject == "ada"
    with pytest.raises(InvalidToken, match="does not publish"):
        await bearers.whose(old)
    issuer.keys = {"first": first}


async def test_unknown_keys_make_nobody_ask_all_the_time(
    bearers: Bearers, issuer: FakeIssuer, clocks: Clocks
) -> None:
    await bearers.whose(issuer.token("first"))
    stranger = RSAKey.generate_key(2048)
    for number in range(20):
        token = sign(stranger, {"alg": "RS256", "kid": f"k{number}"}, issuer.claims())
        with pytest.raises(InvalidToken, match="does not publish"):
            await bearers.whose(token)
        clocks.passed += 1
    assert len(issuer.asked) <= 2 * 3


async def test_a_key_without_kid_is_tried_with_all(bearers: Bearers, issuer: FakeIssuer) -> None:
    issuer.add_key("second")
    token = sign(issuer.keys["second"], {"alg": "RS256"}, issuer.claims())
    assert (await bearers.whose(token)).subject == "ada"


async def test_weak_and_wrong_keys_are_never_used(bearers: Bearers, issuer: FakeIssuer) -> None:
    secret = OctKey.generate_key(256)
    issuer.extra = [
        {**secret.as_dict(private=True), "kid": "hmac"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "weak"},
        {**issuer.keys["first"].as_dict(private=False), "kid": "enc", "use": "enc"},
        {"kty": "none"},
        "text",
        None,
    ]
    assert (await bearers.whose(issuer.token("first"))).subject == "ada"
    encrypting = sign(issuer.keys["first"], {"alg": "RS256", "kid": "enc"}, issuer.claims())
    shared = sign(secret, {"alg": "HS256", "kid": "hmac"}, issuer.claims())
    for token in (encrypting, shared):
        with pytest.raises(InvalidToken):
            await bearers.whose(token)


async def test_an_issuer_that_is_down_keeps_nobody_out_whose_key_is_known(
    bearers: Bearers, issuer: FakeIssuer, clocks: Clocks, lines: LogCapture
) -> None:
    token = issuer.token("first", exp=clocks.begun + 10_000)
    await bearers.whose(token)
    issuer.status = 500
    clocks.passed = 150
    assert (await bearers.whose(token)).subject == "ada"
    await _until(lambda: bool(lines.entries))
    assert lines.entries[0]["event"] == "issuer-unreachable"
    assert "500" in lines.entries[0]["reason"]
    clocks.passed = 1001
    with pytest.raises(Unavailable, match="answers 500") as down:
        await bearers.whose(token)
    assert 1 <= down.value.retry_after <= 10
    issuer.status = 200
    with pytest.raises(Unavailable):
        await bearers.whose(token)
    clocks.passed += down.value.retry_after
    assert (await bearers.whose(token)).subject == "ada"


async def test_keys_are_refreshed_behind_everybodys_back(
    bearers: Bearers, issuer: FakeIssuer, clocks: Clocks
) -> None:
    await bearers.whose(issuer.token("first"))
    clocks.passed = 101
    issuer.stuck = threading.Event()
    assert (await bearers.whose(issuer.token("first"))).subject == "ada"
    issuer.stuck.set()
    await _until(lambda: len(issuer.asked) == 4)


async def test_many_at_once_ask_once(bearers: Bearers, issuer: FakeIssuer) -> None:
    token = issuer.token("first")
    found = await asyncio.gather(*(bearers.whose(token) for _ in range(50)))
    assert {claimed.subject for claimed in found} == {"ada"}
    assert len(issuer.asked) == 2


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"page": b" " * (1 << 20)}, "more than 256 KiB"),
        ({"page": b"<html>"}, "JSON object"),
        ({"page": b"[]"}, "JSON object"),
        ({"page": b"[" * 100_000}, "JSON object"),
        ({"page": b'{"keys": []}'}, "speaks for another issuer"),
        ({"status": 302}, "answers 302"),
        ({"about": {"issuer": "https://elsewhere.example"}}, "another issuer"),
        ({"about": {"jwks_uri": None}}, "no jwks_uri"),
        ({"about": {"jwks_uri": "http://192.0.2.1/jwks"}}, "not an https address"),
        ({"about": {"jwks_uri": "file:///etc/passwd"}}, "not an https address"),
        ({"about": {"jwks_uri": "http://[::"}}, "not an https address"),
    ],
)
async def test_an_issuer_that_answers_nonsense(
    bearers: Bearers, issuer: FakeIssuer, fault: dict[str, Any], reason: str
) -> None:
    for name, value in fault.items():
        setattr(issuer, name, value)
    with pytest.raises(Unavailable, match=reason):
        await bearers.whose(issuer.token("first"))


async def test_an_issuer_that_does_not_answer_is_not_waited_for(
    issuer: FakeIssuer, clocks: Clocks
) -> None:
    issuer.stuck = threading.Event()
    trusted = Issuer("iam", issuer.url, frozenset({"urn:eb"}))
    made = Bearers([trusted], clocks.now, clocks.steady, structlog.get_logger(), seconds=0.2)
    try:
        with pytest.raises(Unavailable, match="did not answer within"):
            await made.whose(issuer.token("first"))
    finally:
        await made.close()


async def _until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  (another thread has no event for us)
            await asyncio.sleep(0.01)
