"""Session directories: whole or not there, and never somebody else's."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

from execution_broker.platforms.local.sessions import Sessions

INSTANCE = uuid4()


def held(sessions: Sessions) -> set[UUID]:
    return {one.session for one in sessions.all()}


def test_a_session_is_made_once_by_however_many(tmp_path: Path) -> None:
    sessions, session = Sessions(tmp_path, INSTANCE, "here"), uuid4()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: sessions.make("jane", session), range(32)))
    assert {one.directory for one in made} == {tmp_path / "jane" / "broker" / str(session)}
    assert [one.session for one in sessions.all()] == [session]
    assert list((tmp_path / "jane" / "broker").iterdir()) == [made[0].directory]


def test_nobody_else_finds_it(tmp_path: Path) -> None:
    mine, session = Sessions(tmp_path, INSTANCE, "here"), uuid4()
    paths = mine.make("jane", session)
    for other in (Sessions(tmp_path, uuid4(), "here"), Sessions(tmp_path, INSTANCE, "there")):
        assert held(other) == set()
        other.remove(session)
    assert paths.label.exists()
    assert held(mine) == {session}


def test_users_with_long_and_strange_names_have_their_own(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path, INSTANCE, "here")
    names = ["broker", "a/b", "..", "", "\U0001f680" * 255, "x" * 255]
    made = {uuid4(): name for name in names}
    for session, name in made.items():
        assert sessions.make(name, session).directory.is_relative_to(tmp_path)
    assert held(sessions) == set(made)


def test_what_is_half_made_or_half_removed_is_found_and_goes(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path, INSTANCE, "here")
    half_made, half_removed = uuid4(), uuid4()
    new = sessions.make("jane", half_made)
    gone = sessions.make("jane", half_removed)
    mark = sessions._mark
    new.label.unlink()
    new.directory.rename(new.directory.with_name(f".new.{half_made}.{mark}.abc"))
    gone.label.unlink()
    gone.directory.rename(gone.directory.with_name(f".gone.{half_removed}.{mark}.abc"))
    assert held(sessions) == {half_made, half_removed}
    sessions.remove(half_made)
    sessions.remove(half_removed)
    assert held(sessions) == set()
    assert list((tmp_path / "jane" / "broker").iterdir()) == []


def test_a_directory_goes_with_its_last_file(tmp_path: Path) -> None:
    sessions, session = Sessions(tmp_path, INSTANCE, "here"), uuid4()
    paths = sessions.make("jane", session)
    file = paths.storages / "0" / "file"
    file.parent.mkdir()
    file.touch()
    sessions.remove_when_empty(paths, session)
    assert paths.label.exists()
    file.unlink()
    for _ in range(2):
        sessions.remove_when_empty(paths, session)
        assert not paths.directory.exists()


def test_trees_of_any_depth_and_mode_are_removed(tmp_path: Path) -> None:
    sessions, session = Sessions(tmp_path, INSTANCE, "here"), uuid4()
    paths = sessions.make("jane", session)
    (paths.work / "closed").mkdir()
    (paths.work / "closed" / "file").touch()
    (paths.work / "closed").chmod(0)
    directory = os.open(paths.work, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("deep", dir_fd=directory)
        below = os.open("deep", os.O_RDONLY, dir_fd=directory)
        os.close(directory)
        directory = below
    os.close(directory)
    sessions.remove(session)
    assert held(sessions) == set()
