"""Control groups: as this machine has them, and files laid out like those of others."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from execution_broker.platforms.local import cgroups
from execution_broker.platforms.local.cgroups import Group
from execution_broker.platforms.local.meter import Exceeded
from tests.harness.control_groups import control_groups

MEMORY = 64 << 20


@dataclass
class Laid:
    """What the kernel says of a process, and trees where it says they are."""

    directory: Path

    @property
    def proc(self) -> Path:
        return self.directory / "proc"

    def lay(self, membership: str, *mounts: tuple[str, str, str]) -> None:
        """Mounts: the type, the options, the place in its tree that is mounted."""
        self.proc.mkdir()
        (self.proc / "cgroup").write_text(membership)
        lines = ["1 0 8:1 / / rw - ext4 /dev/sda rw"]
        for number, (kind, options, root) in enumerate(mounts):
            top = str(self.top(number)).replace(" ", r"\040")
            lines.append(
                f"{number} 1 0:{number} {root} {top} rw shared:1 - {kind} {kind} {options}"
            )
        (self.proc / "mountinfo").write_text("\n".join(lines) + "\n")

    def top(self, number: int) -> Path:
        return self.directory / f"a tree {number}"


@pytest.fixture
def laid(tmp_path: Path) -> Laid:
    return Laid(tmp_path)


def recorded(record: Path) -> list[list[str]]:
    groups: list[list[str]] = json.loads(record.read_text())["groups"]
    return groups


def test_a_machine_without_control_groups_has_none(laid: Laid, tmp_path: Path) -> None:
    record = tmp_path / "groups.json"
    assert cgroups.make(record, "s", MEMORY, 10, laid.proc) is None
    laid.lay("0::/user\n")
    assert cgroups.make(record, "s", MEMORY, 10, laid.proc) is None
    assert not record.exists()
    assert cgroups.clear(record, "s", 0)


def test_where_a_group_limits_nothing_there_is_none_and_nothing_is_left(
    laid: Laid, tmp_path: Path
) -> None:
    """As in a container whose tree has no controllers: directories can be made, and that is all."""
    record = tmp_path / "groups.json"
    laid.lay("0::/pod/broker\n", ("cgroup2", "rw", "/"))
    (laid.top(0) / "pod" / "broker").mkdir(parents=True)
    assert cgroups.make(record, "s", MEMORY, 10, laid.proc) is None
    places = [str(laid.top(0) / "pod" / part / "execution-broker-s") for part in ("broker", "")]
    assert recorded(record) == [[places[0]], [str(Path(places[1]))]]
    assert [path.name for path in laid.top(0).rglob("*")] == ["pod", "broker"]


@pytest.mark.parametrize(
    ("membership", "mounts", "places"),
    [
        (
            "0::/user/broker\n",
            [("cgroup2", "rw,nsdelegate", "/")],
            [["0/user/broker"], ["0/user"]],
        ),
        ("0::/pod/broker\n", [("cgroup2", "rw", "/pod")], [["0/broker"], ["0"]]),
        ("0::/\n", [("cgroup2", "rw", "/")], [["0"]]),
        ("0::/elsewhere\n", [("cgroup2", "rw", "/pod")], []),
        (
            "3:pids:/user\n2:cpu,memory:/own\n1:name=systemd:/\n0::/\n",
            [
                ("cgroup", "rw,cpu,memory", "/"),
                ("cgroup", "rw,pids", "/"),
                ("cgroup", "rw,name=systemd", "/"),
            ],
            [["0/own", "1/user"], ["0", "1"]],
        ),
        ("3:pids:/\n", [("cgroup", "rw,pids", "/")], []),
    ],
    ids=["version 2", "a part of it", "its top", "out of sight", "version 1", "half of version 1"],
)
def test_it_is_made_where_the_process_is_or_beside_that(
    laid: Laid,
    tmp_path: Path,
    membership: str,
    mounts: list[tuple[str, str, str]],
    places: list[list[str]],
) -> None:
    record = tmp_path / "groups.json"
    laid.lay(membership, *mounts)
    assert cgroups.make(record, "s", MEMORY, 10, laid.proc) is None  # these trees limit nothing
    found = recorded(record) if places else []
    tops = f"{laid.directory}/a tree "
    assert [[one.removeprefix(tops) for one in group] for group in found] == [
        [f"{place}/execution-broker-s" for place in group] for group in places
    ]


@pytest.mark.parametrize(
    ("files", "over"),
    [
        ({"memory.events": "max 3\noom 1\noom_kill 1\n"}, ("memory", MEMORY)),
        ({"memory.oom_control": "under_oom 0\noom_kill 2\n"}, ("memory", MEMORY)),
        ({"memory.events": "max 3\noom 0\noom_kill 0\n", "pids.events": "max 1\n"}, ("tasks", 10)),
        ({"memory.events": "max 3\noom_kill 0\n", "pids.events": "max 0\n"}, None),
        ({}, None),
    ],
)
def test_what_the_kernel_refused_is_read_from_its_counters(
    tmp_path: Path, files: dict[str, str], over: tuple[str, int] | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "cgroup.procs").write_text("7\n8\n")
    expected = None if over is None else Exceeded(over[0], over[1], over[1], 2)
    assert Group(tmp_path, tmp_path).exceeded(MEMORY, 10) == expected
    assert Group(tmp_path, tmp_path).exceeded(None, None) is None


def test_the_limits_are_written_as_each_version_wants_them(tmp_path: Path) -> None:
    two = ["memory.max", "memory.swap.max", "memory.oom.group", "pids.max"]
    one = ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]
    written = {"2": dict(zip(two, [str(MEMORY), "0", "1", "10"], strict=True))}
    written["1"] = dict.fromkeys(one, str(MEMORY))
    for version, files in written.items():
        top = tmp_path / version
        top.mkdir()
        for name in files:
            (top / name).touch()
        Group(top, top).limit(MEMORY, 10 if "pids.max" in files else None)
        assert {name: (top / name).read_text() for name in files} == files
        (top / two[0]).unlink(missing_ok=True)
        (top / one[0]).unlink(missing_ok=True)
        with pytest.raises(FileNotFoundError, match=r"memory\.max"):
            Group(top, top).limit(MEMORY, None)


@pytest.mark.parametrize(
    "said",
    [
        "no json",
        "[]",
        '{"groups": 7}',
        '{"groups": [[7], "text", {}, []]}',
        '{"groups": [["relative/execution-broker-s"], ["/sys/fs/cgroup"], ["/tmp"]]}',
    ],
)
def test_a_record_that_is_not_ours_is_passed_over(tmp_path: Path, said: str) -> None:
    record = tmp_path / "groups.json"
    record.write_text(said)
    assert cgroups.clear(record, "s", 0)


async def test_what_hides_is_killed_with_its_group(tmp_path: Path) -> None:
    """On this machine: whatever kinds of group it allows. Where it allows none, nothing is made."""
    session = uuid4()
    record = tmp_path / "groups.json"
    group = cgroups.make(record, str(session), MEMORY, 10)
    assert (group is not None) == bool(control_groups(session))
    if group is None:
        assert cgroups.clear(record, str(session), 0)
        pytest.skip("does not apply: this machine lets us make no control group that limits")
    hidden = await asyncio.create_subprocess_exec(
        "setsid", "env", "-i", "sleep", "1000", preexec_fn=group.enter
    )
    assert cgroups.clear(record, str(session), 10)
    assert await asyncio.wait_for(hidden.wait(), 10) == -9
    assert control_groups(session) == []
    assert cgroups.clear(record, str(session), 0)
