"""The whole life of a session, by a client that openapi-generator makes of our document.

Run with the address of a broker, its administrator's password and a notebook's address; the
package `broker_client` is the generated one, as it is.
"""

import sys
import time
from typing import Any

import broker_client as made
from broker_client.exceptions import ApiException

KINDS = "https://www.purl.org/ivoa.net/Calycopis-openapi/schema/v1.0/kinds"
URL, PASSWORD, NOTEBOOK = sys.argv[1:]


def request() -> Any:
    return made.ExecutionRequest(
        executable=made.AbstractExecutable(
            made.JupyterNotebook(
                kind=f"{KINDS}/executable/jupyter-notebook.yaml",
                location=NOTEBOOK,
                mode="BATCH",
                checks=made.Checks(size=10, sha256="0" * 64),
            )
        ),
        compute=made.SimpleComputeResource(
            kind=f"{KINDS}/compute/simple-compute-resource.yaml",
            cores=made.SimpleComputeCores(min=1),
            memory=made.SimpleComputeMemory(min=1),
        ),
        schedule=made.RequestedScheduleBlock(requested=made.RequestedScheduleItem(duration="PT1H")),
    )


def phase(value: str) -> Any:
    update = made.EnumValueUpdate(kind="uri:enum-value-update", path="phase", value=value)
    return made.AbstractUpdate(update)


def reached(api: Any, uuid: str, wanted: str) -> None:
    deadline = time.monotonic() + 60
    while (session := api.session_select(uuid, prefer="wait=2")).phase != wanted:
        assert session.phase != "FAILED", session.meta.messages
        assert time.monotonic() < deadline, session.phase


def refusal(api: Any, uuid: str, value: str) -> int | None:
    """The status that an update is refused with."""
    try:
        api.session_update(uuid, phase(value))
    except ApiException as error:
        return int(error.status)
    return None


def main() -> None:
    configuration = made.Configuration(host=URL, username="admin", password=PASSWORD)
    with made.ApiClient(configuration) as client:
        api = made.DefaultApi(client)
        answer = api.execution_request(request(), idempotency_key="once")
        assert answer.result == "YES", answer.meta.messages
        assert api.execution_request(request(), idempotency_key="once") == answer
        offer = answer.offers[0]
        assert offer.phase == "OFFERED"
        uuid = offer.meta.uuid
        assert api.session_update(uuid, phase("ACCEPTED")).phase == "ACCEPTED"
        reached(api, uuid, "COMPLETED")
        session = api.session_select(uuid)
        assert session.executable.actual_instance.location == NOTEBOOK
        (kept,) = api.result_list(uuid).results
        assert bytes(api.result_select(uuid, kept.path)) == b"42\n"
        assert bytes(api.stdout_select(uuid)) == b"hello from the script\n"
        assert api.event_list(uuid).events[0].number == 1
        assert [one.uuid for one in api.session_list(phase=["COMPLETED"]).sessions] == [uuid]
        assert [one.name for one in api.platform_list().platforms] == ["here"]
        other = api.execution_request(request()).offers[0].meta.uuid
        assert api.session_update(other, phase("REJECTED")).phase == "REJECTED"
        assert refusal(api, other, "ACCEPTED") == 409, "what is over stays so"
        direct = api.direct_execution(request())
        reached(api, direct.meta.uuid, "COMPLETED")
    sys.stdout.write("all is well\n")


if __name__ == "__main__":
    main()
