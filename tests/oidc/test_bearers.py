"""Whose a token is, and every token that is nobody's. The keys are of an issuer on loopback."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from execution_broker.domain.errors import Forbidden, InvalidToken
from execution_broker.domain.identity import Role
from execution_broker.services.oidc import Bearers, Issuer, tokens
from tests.harness.issuer import FakeIssuer, sign
from tests.oidc.conftest import Clocks


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
        ({"typ": "ID"}, "not the ID token"),
        ({"typ": "Refresh"}, "no access token"),
        ({"token_use": "id"}, "not the ID token"),
        ({"at_hash": "MTIzNDU2Nzg5MDEyMzQ1Ng"}, "it is an ID token"),
    ],
)
async def test_claims_that_do_not_hold(
    bearers: Bearers, issuer: FakeIssuer, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidToken, match=reason):
        await bearers.whose(issuer.token("first", **changes))


@pytest.mark.parametrize(
    "claims", [{"typ": "Bearer"}, {"typ": "at+JWT"}, {"token_use": "access"}, {"nonce": "n"}]
)
async def test_what_issuers_say_of_access_tokens_is_no_obstacle(
    bearers: Bearers, issuer: FakeIssuer, claims: dict[str, Any]
) -> None:
    assert (await bearers.whose(issuer.token("first", **claims))).subject == "ada"


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
    if not tokens.holds(token, [key]):
        raise tokens.refused("its signature does not hold")
