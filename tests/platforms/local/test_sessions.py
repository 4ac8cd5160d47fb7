"""Session directories: each is found again, whatever became of it, and goes whole."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from execution_broker.platforms.local.files import remove_tree, write_json
from execution_broker.platforms.local.sessions import Sessions


@pytest.fixture
def sessions(tmp_path: Path) -> Sessions:
    return Sessions(tmp_path / "root", tmp_path / "register")


def held(sessions: Sessions) -> set[UUID]:
    return {one.session for one in sessions.all()}


def test_a_session_is_made_once_by_however_many(sessions: Sessions) -> None:
    session = uuid4()
    with ThreadPoolExecutor(8) as pool:
        made = {
            paths.directory
            for paths in pool.map(lambda _: sessions.make("jane", session), range(32))
        }
    assert made == {sessions.root / "jane" / "broker" / str(session)}
    assert held(sessions) == {session}


def test_others_in_the_same_root_are_left_alone(sessions: Sessions, tmp_path: Path) -> None:
    session = uuid4()
    paths = sessions.make("jane", session)
    other = Sessions(sessions.root, tmp_path / "other")
    other.remove(session)
    assert held(other) == set()
    assert paths.work.is_dir()


def test_users_with_long_and_strange_names_have_their_own(sessions: Sessions) -> None:
    names = ["broker", "a/b", "..", "", "\U0001f680" * 255, "x" * 255]
    made = {uuid4(): name for name in names}
    for session, name in made.items():
        assert sessions.make(name, session).directory.is_relative_to(sessions.root)
    assert held(sessions) == set(made)
    assert len({one.paths.directory for one in sessions.all()}) == len(names)


def test_what_was_cut_off_half_way_is_found_and_goes(sessions: Sessions) -> None:
    half_made, half_removed = uuid4(), uuid4()
    remove_tree(sessions.make("jane", half_made).directory)
    remove_tree(sessions.make("jane", half_removed).control.directory)
    assert held(sessions) == {half_made, half_removed}
    for _ in range(2):
        sessions.remove(half_made)
        sessions.remove(half_removed)
        assert held(sessions) == set()
    assert list((sessions.root / "jane" / "broker").iterdir()) == []


def test_a_directory_goes_with_its_last_file(sessions: Sessions) -> None:
    session = uuid4()
    paths = sessions.make("jane", session)
    write_json(paths.storages / "file", {})
    sessions.remove_when_empty(paths, session)
    assert paths.work.is_dir()
    (paths.storages / "file").unlink()
    for _ in range(2):
        sessions.remove_when_empty(paths, session)
        assert not paths.directory.exists()
        assert held(sessions) == set()


def test_trees_of_any_depth_and_mode_are_removed(sessions: Sessions) -> None:
    session = uuid4()
    paths = sessions.make("jane", session)
    (paths.work / "closed").mkdir()
    (paths.work / "closed" / "file").touch()
    (paths.work / "closed").chmod(0)
    directory = os.open(paths.work, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("deep", dir_fd=directory)
        below = os.open("deep", os.O_RDONLY, dir_fd=directory)
        os.close(directory)
        directory = below
    os.close(directory)
    paths.directory.chmod(0)
    sessions.remove(session)
    assert held(sessions) == set()
    assert list((sessions.root / "jane" / "broker").iterdir()) == []


def test_an_entry_that_was_never_finished_goes_with_its_session(tmp_path: Path) -> None:
    """As a broker leaves it that is killed while it writes."""
    sessions, session = Sessions(tmp_path / "root", tmp_path / "register"), uuid4()
    (tmp_path / "register").mkdir()
    (tmp_path / "register" / f".{session}.json.abcdefgh").touch()
    sessions.remove_when_empty(sessions.of("alice", session), session)
    assert list((tmp_path / "register").iterdir()) == []
