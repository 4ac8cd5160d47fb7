"""When a server is not there: which errors say so, and what is said of them."""

from typing import Final

import asyncpg

from execution_broker.domain.errors import Unavailable

AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # its protocol, when a server goes in the middle of something
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InsufficientResourcesError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)


def unavailable(error: BaseException) -> Unavailable:
    return Unavailable(
        f"The database does not answer ({type(error).__name__}).", "Nothing was changed."
    )
