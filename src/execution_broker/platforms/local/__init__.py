"""The local platform: runs sessions on this machine, each under a shim of its own.

`LocalPlatform` is loaded when it is asked for: the shim lives in this package too, is started for
every session, and needs nothing but the standard library.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from execution_broker.platforms.local.platform import LocalPlatform

__all__ = ["LocalPlatform"]


def __getattr__(name: str) -> object:
    if name == "LocalPlatform":
        from execution_broker.platforms.local.platform import LocalPlatform

        return LocalPlatform
    raise AttributeError(f"module {__name__} has no attribute {name}")
