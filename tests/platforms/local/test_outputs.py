"""Keeping outputs: what the session made, within its limits, the same however often asked."""

import json
import os
from pathlib import Path
from uuid import uuid4

import pytest

from execution_broker.platforms.local.files import remove_tree
from execution_broker.platforms.local.outputs import fingerprints, forget, keep
from execution_broker.platforms.local.paths import SessionPaths
from execution_broker.platforms.local.sessions import Sessions
from execution_broker.ports.platform import Collected

MIB = 1 << 20


@pytest.fixture
def paths(tmp_path: Path) -> SessionPaths:
    return Sessions(tmp_path / "root", tmp_path / "register").make("jane", uuid4())


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results" / "one"


def kept(collected: Collected) -> list[str]:
    return [one.path for one in collected.outputs]


def test_files_of_work_and_of_writable_volumes_are_kept(paths: SessionPaths, results: Path) -> None:
    storage = paths.storages / "0"
    storage.mkdir()
    (storage / "input").write_text("as it was")
    (storage / "changed").write_text("as it was")
    inputs = fingerprints([storage / "input", storage / "changed"])
    (storage / "changed").write_text("as it is now")
    (storage / "made").write_text("made")
    (paths.work / "plots").mkdir()
    (paths.work / "plots" / "a.png").write_bytes(b"\x89PNG")
    (paths.work / "volume").symlink_to(storage)
    spec = {"executed": "n.ipynb", "writable": {"volume": str(storage)}, "inputs": inputs}
    paths.control.spec.write_text(json.dumps(spec))
    collected = keep(paths, results, limit=1, most=100)
    assert kept(collected) == ["plots/a.png", "volume/changed", "volume/made"]
    assert (results / "volume" / "changed").read_text() == "as it is now"
    assert collected.messages == ()


def test_links_and_devices_are_not_followed(paths: SessionPaths, results: Path) -> None:
    (paths.work / "passwords").symlink_to("/etc/passwd")
    (paths.work / "system").symlink_to("/etc")
    os.mkfifo(paths.work / "pipe")
    (paths.work / "__pycache__").mkdir()
    (paths.work / "__pycache__" / "a.pyc").touch()
    (paths.work / "file").touch()
    assert kept(keep(paths, results, limit=1, most=100)) == ["file"]


def test_a_forged_record_keeps_nothing_outside(paths: SessionPaths, results: Path) -> None:
    (paths.work / "file").touch()
    for spec in ('{"writable": {"../out": "/etc", "/out": "/etc"}}', '{"inputs": 1}', "[" * 9999):
        paths.control.spec.write_text(spec)
        assert kept(keep(paths, results, limit=1, most=100)) == ["file"]
        assert [file.name for file in results.parent.iterdir()] == [results.name]
        forget(results)


def test_the_notebook_first_then_as_many_as_fit(paths: SessionPaths, results: Path) -> None:
    paths.control.spec.write_text(json.dumps({"executed": "n.ipynb"}))
    (paths.work / "n.ipynb").write_bytes(b"n" * (MIB // 2))
    (paths.work / "a-large").write_bytes(b"a" * MIB)
    (paths.work / "small").write_bytes(b"s" * 10)
    os.truncate(os.open(paths.work / "sparse", os.O_CREAT | os.O_RDWR), 1 << 42)
    collected = keep(paths, results, limit=1, most=100)
    assert kept(collected) == ["n.ipynb", "small"]
    (message,) = collected.messages
    assert message.values == {"limit": "1", "dropped": "a-large, sparse"}


def test_what_cannot_be_kept_is_said(paths: SessionPaths, results: Path) -> None:
    for name in (b"one", b"two", b"three", b"\xff"):
        Path(os.fsdecode(bytes(paths.work) + b"/" + name)).touch()
    collected = keep(paths, results, limit=1, most=2)
    assert len(kept(collected)) == 2
    texts = [message.message or "" for message in collected.messages]
    assert any("\\xff" in text and "UTF-8" in text for text in texts)
    assert any("no more than 2 files" in text for text in texts)


def test_an_output_is_not_changed_through_another_name(paths: SessionPaths, results: Path) -> None:
    outside = paths.directory / "outside"
    outside.write_text("before")
    os.link(outside, paths.work / "linked")
    keep(paths, results, limit=1, most=10)
    outside.write_text("after")
    assert (results / "linked").read_text() == "before"


def test_asking_again_gives_the_same(paths: SessionPaths, results: Path) -> None:
    (paths.work / "a").write_text("a")
    os.truncate(os.open(paths.work / "large", os.O_CREAT | os.O_RDWR), 2 * MIB)
    first = keep(paths, results, limit=1, most=10)
    (paths.work / "b").write_text("b")
    assert keep(paths, results, limit=1, most=10) == first
    paths.control.manifest.unlink()
    assert keep(paths, results, limit=1, most=10).outputs == first.outputs


def test_a_pass_that_was_cut_off_is_made_again(paths: SessionPaths, results: Path) -> None:
    (paths.work / "a").write_text("a")
    partial = results.with_name(f".partial-{results.name}")
    partial.mkdir(parents=True)
    (partial / "rest-of-an-earlier-pass").touch()
    assert kept(keep(paths, results, limit=1, most=10)) == ["a"]
    assert [file.name for file in results.iterdir()] == ["a"]
    for _ in range(2):
        forget(results)
        assert list(results.parent.iterdir()) == []


def test_trees_deeper_than_a_path_may_be_do_no_harm(paths: SessionPaths, results: Path) -> None:
    (paths.work / "a").write_text("a")
    directory = os.open(paths.work, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("deep", dir_fd=directory)
        below = os.open("deep", os.O_RDONLY, dir_fd=directory)
        os.close(directory)
        directory = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=directory))
    os.close(directory)
    try:
        assert kept(keep(paths, results, limit=1, most=10)) == ["a"]
    finally:
        remove_tree(paths.directory)
