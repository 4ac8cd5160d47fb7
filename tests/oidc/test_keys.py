"""The keys of an issuer: rotated, unknown, weak, and those of one that is down or lies."""

import asyncio
import threading
from typing import Any

import pytest
import structlog
from joserfc.jwk import ECKey, OctKey, RSAKey
from structlog.testing import LogCapture

from execution_broker.domain.errors import InvalidToken, Unavailable
from execution_broker.services.oidc import Bearers, Issuer, Timing
from execution_broker.services.oidc.fetching import Unfetched
from execution_broker.services.oidc.keys import KeyRing
from tests.harness.issuer import FakeIssuer, sign
from tests.oidc.conftest import Clocks


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


async def test_a_key_that_is_replaced_under_its_kid_is_found(
    bearers: Bearers, issuer: FakeIssuer, clocks: Clocks
) -> None:
    old = issuer.token("first")
    await bearers.whose(old)
    clocks.passed += 11
    first = issuer.keys["first"]
    issuer.add_key("first")
    try:
        assert (await bearers.whose(issuer.token("first"))).subject == "ada"
        clocks.passed += 11
        with pytest.raises(InvalidToken, match="signature does not hold"):
            await bearers.whose(old)
    finally:
        issuer.keys["first"] = first


async def test_bad_signatures_make_nobody_ask_all_the_time(
    bearers: Bearers, issuer: FakeIssuer, clocks: Clocks
) -> None:
    await bearers.whose(issuer.token("first"))
    before = len(issuer.asked)
    forged = sign(RSAKey.generate_key(2048), {"alg": "RS256", "kid": "first"}, issuer.claims())
    for _ in range(20):
        with pytest.raises(InvalidToken, match="signature does not hold"):
            await bearers.whose(forged)
        clocks.passed += 1
    assert len(issuer.asked) - before <= 2 * 2


async def test_an_issuer_that_is_down_does_not_hide_that_a_signature_is_bad(
    bearers: Bearers, issuer: FakeIssuer, clocks: Clocks
) -> None:
    await bearers.whose(issuer.token("first"))
    clocks.passed += 11
    issuer.status = 500
    forged = sign(RSAKey.generate_key(2048), {"alg": "RS256", "kid": "first"}, issuer.claims())
    with pytest.raises(InvalidToken, match="signature does not hold"):
        await bearers.whose(forged)
    issuer.status = 200


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


async def test_a_fetch_that_has_just_failed_is_not_taken_for_one_under_way(clocks: Clocks) -> None:
    """Whoever comes in the very instant after it asks again, once it is time to."""
    loop = asyncio.get_running_loop()
    outcomes: list[str] = []

    async def get(url: str) -> dict[str, Any]:
        raise Unfetched(f"{url} answers 500")

    def come() -> None:
        clocks.passed += 100
        coming = ring.find(None)
        try:
            coming.send(None)
        except Unavailable:
            outcomes.append("was told what the last one came to")
        else:
            outcomes.append("asks")
        coming.close()

    def tell(*_event: object) -> str:
        if not outcomes:
            loop.call_soon(come)
        raise structlog.DropEvent

    log = structlog.wrap_logger(None, processors=[tell], wrapper_class=structlog.BoundLogger)
    issuer = Issuer("iam", "http://127.0.0.1:1", frozenset({"urn:eb"}))
    ring = KeyRing(issuer, get, clocks.steady, Timing(), log)
    with pytest.raises(Unavailable):
        await ring.find(None)
    await ring.close()
    assert outcomes == ["asks"]


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
