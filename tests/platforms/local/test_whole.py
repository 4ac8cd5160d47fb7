"""This machine as a whole broker has it: what users see of their sessions, and others do not."""

from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from execution_broker.models import kinds
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.message import IntegerOption, Message
from execution_broker.models.phases import SessionPhase
from execution_broker.models.update import IntegerUpdate
from tests.harness.asking import request
from tests.harness.broker import Broker, broker, working
from tests.harness.waiting import until
from tests.platforms.local.documents import document, saved
from tests.platforms.local.stand_in import located, stand_in

DURATION = "schedule.available.duration"


def settings(directory: Path, python: Path, **keys: Any) -> dict[str, Any]:
    platform = {"plugin": "local", "kernel_python": str(python), "grace": 1.0, **keys}
    return {
        "platforms": {"here": platform},
        "transfers": {"file": {"roots": [str(directory)]}},
        "worker": {"poll": 0.2},
    }


def messages(session: ExecutionSession) -> list[Message]:
    assert session.meta is not None
    return list(session.meta.messages)


def leftovers(made: Broker) -> list[Path]:
    return list(made.settings.data_directory.glob("platforms/here/sessions/*/broker/*"))


async def interactive(made: Broker, directory: Path, duration: str) -> tuple[Any, str, httpx.URL]:
    """A session with a server that runs: whose it is, its uuid, its address."""
    _, notebook = stand_in(directory)
    alice = await made.caller("alice")
    uuid = await made.run(
        alice,
        {
            "executable": {"kind": kinds.JUPYTER_NOTEBOOK, **notebook},
            "schedule": {"requested": {"duration": duration}},
        },
    )

    async def is_running() -> bool:
        session = await made.session(alice, uuid)
        assert session.phase is not SessionPhase.FAILED, messages(session)
        return session.phase is SessionPhase.RUNNING

    await until(is_running, 120)
    (connector,) = (await made.session(alice, uuid)).connectors
    assert connector.status == "AVAILABLE"
    return alice, uuid, httpx.URL(connector.location or "")


def stored(data: Path) -> str:
    """Every byte of the database, and of the streams in it."""
    files = data.glob("broker.sqlite*")
    return "".join(file.read_bytes().decode("latin-1") for file in files)


async def answers(address: httpx.URL) -> bool:
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        try:
            return (await client.get(address.copy_with(path="/api/status"))).is_success
        except httpx.ConnectError:
            return False


async def test_an_interactive_session_is_its_owners_and_closed_at_the_end_of_its_time(
    tmp_path: Path, kernel_python: Path
) -> None:
    whole = settings(tmp_path, kernel_python)
    async with broker(tmp_path / "data", **whole) as made, working(made):
        alice, uuid, address = await interactive(made, tmp_path, "PT1H")
        assert await answers(address)
        for stranger in (None, await made.caller("bob")):
            assert (await made.session(stranger, uuid)).connectors == ()
        assert len(address.params["token"]) > 30
        assert address.params["token"] not in stored(tmp_path / "data")
        shorter = soon(await made.session(alice, uuid))
        await made.services.sessions.update(UUID(uuid), alice, shorter)
        session = await made.ended(alice, uuid, 120)
        assert session.phase is SessionPhase.COMPLETED, messages(session)
        assert any(one.kind.endswith("time-ended") for one in messages(session))
        (closed,) = session.connectors
        assert (closed.status, closed.location) == ("FINISHED", None)
        assert not await answers(address)
        assert leftovers(made) == []


async def test_an_interactive_session_that_nobody_uses_is_closed(
    tmp_path: Path, kernel_python: Path
) -> None:
    whole = settings(tmp_path, kernel_python, idle_warning=1, idle_end=2)
    async with broker(tmp_path / "data", **whole) as made, working(made):
        alice, uuid, address = await interactive(made, tmp_path, "PT1H")
        session = await made.ended(alice, uuid, 120)
        assert session.phase is SessionPhase.COMPLETED
        assert session.executable is not None
        assert session.executable.meta is not None
        assert any(one.kind.endswith("idle-ended") for one in session.executable.meta.messages)
        assert session.meta is not None
        assert any(one.kind.endswith("idle-warning") for one in session.meta.messages)
        assert not await answers(address)
        assert leftovers(made) == []


@pytest.mark.parametrize(
    ("content", "kind", "says"),
    [
        (document(metadata={"kernelspec": {"name": "ir"}}), "other-language", "the language R"),
        ({"nbformat": 2, "worksheets": []}, "not-a-notebook", "its nbformat is 2"),
    ],
)
async def test_a_notebook_that_cannot_run_here_is_a_no_however_much_is_told_of_it(
    tmp_path: Path, content: dict[str, Any], kind: str, says: str
) -> None:
    python, _ = stand_in(tmp_path)
    file = tmp_path / "other.ipynb"
    saved(file, content)
    asked = {"executable": {"kind": kinds.JUPYTER_NOTEBOOK, "mode": "BATCH", **located(file)}}
    async with broker(tmp_path / "data", **settings(tmp_path, python)) as made, working(made):
        answer = await made.ask(await made.caller("alice"), asked)
        assert answer.result == "NO"
        assert answer.meta is not None
        (message,) = answer.meta.messages
        assert message.kind.endswith(kind)
        assert says in (message.message or "")


@pytest.mark.parametrize(
    ("does", "phase"),
    [
        ("cat in/stars.txt >> seen", SessionPhase.COMPLETED),
        ("chmod u+w in/stars.txt; echo more >> in/stars.txt", SessionPhase.FAILED),
    ],
    ids=["read", "written"],
)
async def test_what_is_read_only_is_verified_when_the_session_is_released(
    tmp_path: Path, does: str, phase: SessionPhase
) -> None:
    python, notebook = stand_in(tmp_path, does)
    (tmp_path / "stars.txt").write_text("some\n")
    asked = request()
    asked["executable"] = {"kind": kinds.JUPYTER_NOTEBOOK, "mode": "BATCH", **notebook}
    asked["data"] = [
        {
            "kind": kinds.SIMPLE_DATA,
            "meta": {"name": "stars"},
            **located(tmp_path / "stars.txt"),
        }
    ]
    volume = {"kind": kinds.SIMPLE_VOLUME, "path": "/in/stars.txt", "mode": "READONLY"}
    asked["compute"]["volumes"] = [{**volume, "resource": "stars"}]
    async with broker(tmp_path / "data", **settings(tmp_path, python)) as made, working(made):
        alice = await made.caller("alice")
        session = await made.ended(alice, await made.run(alice, asked))
        assert session.phase is phase, messages(session)
        told = [one for one in messages(session) if one.kind.endswith("input-changed")]
        assert bool(told) is (phase is SessionPhase.FAILED)
        assert leftovers(made) == []
        assert (tmp_path / "stars.txt").read_text() == "some\n"


def soon(session: ExecutionSession) -> IntegerUpdate:
    """Nearly as short as it may be now: a slow machine takes a while to ask for that."""
    assert session.meta is not None
    shortest = next(
        one.min
        for one in session.meta.options
        if isinstance(one, IntegerOption) and one.path == DURATION
    )
    return IntegerUpdate(DURATION, (shortest or 0) + 5, "s")


async def test_no_two_things_of_a_session_have_one_name(tmp_path: Path) -> None:
    """Neither as files nor as variables, whatever they are called in the request."""
    python, notebook = stand_in(tmp_path, "env | grep ^BROKER_ > variables; ls volume > files")
    contents = {"one/sync": "1", "two/sync": "2", "night-1": "3", "night.1": "4", "sync_2": "5"}
    for place, content in contents.items():
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text(content)

    def data(place: str, **meta: str) -> dict[str, Any]:
        where = located(tmp_path / place)
        named = {"meta": meta} if meta else {}
        return {"kind": kinds.SIMPLE_DATA, **named, **where, "storage": "disk"}

    def volume(name: str, path: str) -> dict[str, Any]:
        of = {"resource": "disk", "path": path, "mode": "READWRITE"}
        return {"kind": kinds.SIMPLE_VOLUME, "meta": {"name": name}, **of}

    asked = {
        "executable": {"kind": kinds.JUPYTER_NOTEBOOK, "mode": "BATCH", **notebook},
        "compute": {
            "kind": kinds.SIMPLE_COMPUTE,
            "amounts": {"old-gpus": {"min": 1}, "old_gpus": {"min": 2}},
            "volumes": [volume("a-b", "/deep/er"), volume("a b", "/volume")],
        },
        "storage": [{"kind": kinds.SIMPLE_STORAGE, "meta": {"name": "disk"}, "size": {"min": 1}}],
        "data": [
            data("one/sync"),
            data("two/sync"),
            data("night-1", name="night-1"),
            data("night.1", name="night.1"),
            data("sync_2"),
        ],
    }
    whole = settings(tmp_path, python, amounts={"old-gpus": 9, "old_gpus": 9}, outputs=1)
    async with broker(tmp_path / "data", **whole) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, asked)
        session = await made.ended(alice, uuid)
        assert session.phase is SessionPhase.COMPLETED, messages(session)
        results = made.settings.data_directory / "results" / uuid
        lines = (results / "variables").read_text().splitlines()
        found = dict(line.split("=", 1) for line in lines)
        assert found["BROKER_AMOUNT_OLD_GPUS"] == "1"
        assert found["BROKER_AMOUNT_OLD_GPUS_2"] == "2"
        assert found["BROKER_VOLUME_A_B"].endswith("/deep/er")
        assert found["BROKER_VOLUME_A_B_2"].endswith("/volume")
        names = {
            "BROKER_DATA_SYNC": "sync",
            "BROKER_DATA_SYNC_2": "sync_2",
            "BROKER_DATA_NIGHT_1": "night-1",
            "BROKER_DATA_NIGHT_1_2": "night.1",
            "BROKER_DATA_SYNC_2_2": "sync_2_2",
        }
        for variable, name in names.items():
            assert Path(found[variable]).name == name
        assert (results / "files").read_text().split() == sorted(names.values())
