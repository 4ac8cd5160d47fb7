"""The names that are drawn for answers, sessions and components."""

from uuid import RFC_4122, UUID

from execution_broker.factory.randomness import random_uuids


def test_they_are_random_uuids_as_text() -> None:
    drawn = random_uuids(1000)
    assert len(set(drawn)) == 1000
    for text in drawn:
        uuid = UUID(text)
        assert (uuid.version, uuid.variant, str(uuid)) == (4, RFC_4122, text)
    variants = {text[19] for text in drawn}
    assert variants == set("89ab")
    others = (at for at in range(36) if at not in (8, 13, 14, 18, 19, 23))
    assert all(len({text[at] for text in drawn}) == 16 for at in others)


def test_none_are_drawn_where_none_are_wanted() -> None:
    assert random_uuids(0) == []
