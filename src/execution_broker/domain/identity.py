"""Who calls."""

from enum import StrEnum
from uuid import UUID

import msgspec


class Role(StrEnum):
    USER = "user"
    ADMINISTRATOR = "administrator"


class Caller(msgspec.Struct, frozen=True):
    """An identity that was checked. `key` is its integer key in the database."""

    key: int
    uuid: UUID
    username: str
    role: Role

    @property
    def is_administrator(self) -> bool:
        return self.role is Role.ADMINISTRATOR
