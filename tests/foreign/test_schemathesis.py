"""What our document allows, and what it does not, sent to a real server: by schemathesis.

No 5xx, no status that the document does not list, no answer that breaks its schema; one call after
another as the links of the answers lead on (the state machine), on both databases. What is drawn at
random hardly ever asks for something that can be had, so every second request is one that can: from
it the walk goes on through offers, sessions, their events and outputs.
"""

import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http import HTTPStatus
from typing import Any, Final

import anyio
import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import FlakyStrategyDefinition
from hypothesis.stateful import run_state_machine_as_test

from execution_broker.api.openapi import LINK_BODY
from execution_broker.api.routes import ROUTES
from tests.harness.asking import request as good_request
from tests.harness.postgres import postgres_server
from tests.harness.serving import Server, server

SETTINGS: Final = {
    "PLATFORMS__HERE__PLUGIN": "scripted",
    "NEGOTIATION__REQUESTS_PER_MINUTE": "1000000",
    "NEGOTIATION__PROBE_WAIT": "0",
}
EVERYWHERE: Final = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.NOT_ACCEPTABLE,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}
"""What the `default` answer of every operation stands for."""

ANSWERS: Final[dict[tuple[str, str], set[int]]] = {
    (route.method, re.sub(r":\w+\}", "}", route.path)): {*EVERYWHERE, *route.answers}
    for route in ROUTES
}
UNTOUCHED: Final = ["/identity/password", "/admin/identities/{uuid}"]
"""Who changes their own password, or takes away their own role, can't go on."""

ASKING: Final = ["/requests", "/direct"]
LIFE: Final = [
    *("OfferSetSelect", "SessionSelect", "SessionUpdate", "EventList", "ResultList"),
    *("StdoutSelect", "SessionList", "OfferSetList"),
]
"""What the walk has to come to."""

schemathesis.checks.load_all_checks()
CHECKS: Final = schemathesis.checks.CHECKS.get_by_names(
    [
        "not_a_server_error",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    ]
)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    chosen = dict(SETTINGS)
    with ExitStack() as stack:
        if request.param == "postgres":
            postgres = stack.enter_context(postgres_server())
            chosen["DATABASE__URL"] = anyio.run(postgres.new_database)
        made = stack.enter_context(server(tmp_path_factory.mktemp("broker"), chosen))
        made.ready()
        yield made


def test_whatever_the_document_allows(broker: Server) -> None:
    calls = _walk(broker, seconds=12)
    assert calls["ExecutionRequest", HTTPStatus.SEE_OTHER] > 0, calls


@pytest.mark.soak
def test_whatever_the_document_allows_for_long(broker: Server) -> None:
    calls = _walk(broker, seconds=240)
    for (operation, status), number in sorted(calls.items()):
        sys.stdout.write(f"{operation} {status}: {number}\n")
    for operation in LIFE:
        assert calls[operation, HTTPStatus.OK] > 0, operation
    assert calls["SessionUpdate", HTTPStatus.CONFLICT] > 0


def _walk(broker: Server, seconds: float) -> Counter[tuple[str, int]]:
    """Walk for so long; how often each operation gave each status.

    What the server holds changes from walk to walk, so hypothesis may find that it is not led the
    same way twice: that is no fault, and the next walk begins.
    """
    password = (broker.directory / "admin-password").read_text().strip()
    schema = schemathesis.openapi.from_dict(_document(broker)).exclude(path=UNTOUCHED)
    schema.config.update(base_url=broker.url)
    faults: list[str] = []
    calls: Counter[tuple[str, int]] = Counter()
    asked = 0

    class Life(schema.as_state_machine()):  # type: ignore[misc]  # made from the document
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"auth": ("admin", password), "timeout": 60}

        def before_call(self, case: Any) -> None:
            nonlocal asked
            if case.path in ASKING and case.method.upper() == "POST":
                asked += 1
                if asked % 2:
                    case.body, case.media_type = good_request(), "application/json"
                    case.headers, case.query = {}, {}

        def validate_response(self, response: Any, case: Any, **kwargs: Any) -> None:
            operation = case.operation.definition.raw["operationId"]
            calls[operation, response.status_code] += 1
            try:
                _check_listed(case, response)
                case.validate_response(response, checks=CHECKS)
            except BaseException as error:
                faults.append(f"{case.as_curl_command()}\n{error}")
                raise

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not faults:
        with suppress(FlakyStrategyDefinition):
            run_state_machine_as_test(Life, settings=_SETTINGS)
    assert not faults, faults[0]
    return calls


def _document(broker: Server) -> dict[str, Any]:
    """As it is served, with what links send where schemathesis looks for it."""
    document: dict[str, Any] = httpx.get(f"{broker.url}/openapi.json").raise_for_status().json()
    for path in document["paths"].values():
        for operation in path.values():
            for answer in operation["responses"].values():
                for link in answer.get("links", {}).values():
                    if LINK_BODY in link:
                        link["requestBody"] = link.pop(LINK_BODY)
    return document


_SETTINGS: Final = settings(
    max_examples=10,
    stateful_step_count=10,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)


def _check_listed(case: Any, response: Any) -> None:
    method = "GET" if case.method.upper() == "HEAD" else case.method.upper()
    listed = ANSWERS.get((method, case.path))
    if listed is None:
        assert response.status_code in (404, 405), (method, case.path, response.status_code)
    else:
        assert response.status_code in listed, (method, case.path, response.status_code)
