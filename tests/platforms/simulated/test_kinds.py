"""Every kind of the standard can be asked of a simulated platform, and comes to its end there."""

import asyncio
from pathlib import Path
from typing import Any, Final, get_args

from execution_broker.models import kinds
from execution_broker.models.executable import Executable
from execution_broker.models.kinds import short
from execution_broker.models.phases import SessionPhase
from execution_broker.models.resources import Data
from execution_broker.platforms.simulated.config import SimulatedConfig
from tests.harness.broker import broker, working

SHA256: Final = "0" * 64
EXECUTABLES: Final[dict[str, dict[str, Any]]] = {
    kinds.DOCKER_CONTAINER: {"image": {"locations": ["docker.io/library/busy:1"]}},
    kinds.SINGULARITY_CONTAINER: {"location": "library://somebody/busy:1"},
    kinds.JUPYTER_NOTEBOOK: {"location": "https://example.org/busy.ipynb", "mode": "BATCH"},
}
DATA: Final[dict[str, dict[str, Any]]] = {
    kinds.SIMPLE_DATA: {"location": "https://example.org/a.fits"},
    kinds.S3_DATA: {
        "endpoint": "https://s3.example.org",
        "template": "{endpoint}/{bucket}/{object}",
        "bucket": "b",
        "object": "a.fits",
    },
    kinds.RUCIO_DATA: {
        "rucio": {"endpoint": "https://rucio.example.org", "scope": "testing", "object": "a.fits"}
    },
    kinds.IVOA_DATA: {"ivoa": {"ivoid": "ivo://archive/a"}},
    kinds.SKAO_DATA: {"skao": {"namespace": "testing", "objectname": "a.fits"}},
}


def test_no_kind_is_missing() -> None:
    """Neither here nor there, should the standard get another one."""
    config = SimulatedConfig()
    for union, ours, words in (
        (Executable, EXECUTABLES, config.executables),
        (Data, DATA, config.data),
    ):
        tags = {str(one.__struct_config__.tag) for one in get_args(union)}
        assert tags == ours.keys()
        assert {short(tag) for tag in tags} == set(words)


async def test_sessions_of_every_kind_come_to_their_end(tmp_path: Path) -> None:
    there = {
        "plugin": "simulated",
        "takes": "everything",
        "run": 0,
        "results": {"log.txt": 10},
        "outputs": 1,
        "prices": [{"type": kinds.COST_MONETARY, "per_session": 2.5}],
        "qualities": [{"type": kinds.METRIC_COMPUTE, "min": 3, "max": 4}],
    }
    async with broker(tmp_path, platforms={"there": there}) as made, working(made):
        alice = await made.caller("alice")

        async def lives(kind: str) -> None:
            uuid = await made.run(alice, request(kind))
            session = await made.ended(alice, uuid)
            assert session.phase is SessionPhase.COMPLETED, session.meta
            assert [one.max for one in session.costs] == [2.5]
            assert [one.min for one in session.metrics] == [3]
            assert len(session.data) == len(DATA)

        await asyncio.gather(*(lives(kind) for kind in EXECUTABLES))


async def test_data_with_nothing_in_it_is_refused_at_once(tmp_path: Path) -> None:
    """Every part that is missing is named; nobody is asked where such data might be."""
    there = {"plugin": "simulated", "takes": "everything"}
    async with broker(tmp_path, platforms={"there": there}) as made:
        alice = await made.caller("alice")
        body = request(kinds.DOCKER_CONTAINER)
        body["data"] = [{"kind": kind} for kind in DATA]
        answer = await made.ask(alice, body)
        assert answer.result == "NO"
        assert answer.meta is not None
        assert [one.values["part"] for one in answer.meta.messages] == [
            "data[0].location",
            *(f"data[1].{part}" for part in ("endpoint", "template", "bucket")),
            "data[2].rucio",
            "data[3].ivoa",
            "data[4].skao",
        ]


async def test_what_no_plugin_locates_is_not_looked_up(tmp_path: Path) -> None:
    """Its size is assumed, and nobody waits for a worker who cannot know it either."""
    there = {"plugin": "simulated", "takes": "everything"}
    async with broker(tmp_path, platforms={"there": there}) as made:
        alice = await made.caller("alice")
        body = request(kinds.DOCKER_CONTAINER)
        body["data"] = [{"kind": kind, **DATA[kind]} for kind in DATA if kind != kinds.SIMPLE_DATA]
        body["compute"].pop("volumes")
        answer = await made.ask(alice, body)
        assert answer.result == "YES", answer.meta
        assert await made.rows("SELECT kind FROM step WHERE kind LIKE '%:probe'") == []


def request(kind: str) -> dict[str, Any]:
    """An executable of this kind, with data of every kind in one storage, mounted."""
    checks = {"size": 10, "sha256": SHA256}
    data = [
        {"kind": one, "meta": {"name": f"d{n}"}, "storage": "disk", "checks": checks, **parts}
        for n, (one, parts) in enumerate(DATA.items())
    ]
    volume = {"kind": kinds.SIMPLE_VOLUME, "path": "/in", "mode": "READONLY", "resource": "disk"}
    return {
        "executable": {"kind": kind, **EXECUTABLES[kind]},
        "compute": {"kind": kinds.SIMPLE_COMPUTE, "cores": {"min": 1}, "volumes": [volume]},
        "storage": [{"kind": kinds.SIMPLE_STORAGE, "meta": {"name": "disk"}, "size": {"min": 1}}],
        "data": data,
        "schedule": {"requested": {"duration": "PT10M"}},
    }
