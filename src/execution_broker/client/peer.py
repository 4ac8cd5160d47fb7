"""The broker that is spoken to: its address, and what is sent where."""

from enum import Enum, auto
from typing import Final

import httpx
import msgspec

from execution_broker.client.errors import BadAddress, UnexpectedReply
from execution_broker.client.speaking import LARGEST

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Following(Enum):
    """Where a redirection of a GET may lead. Credentials go to the broker's own origin alone."""

    ANYWHERE = auto()
    OWN_ORIGIN = auto()


class Peer(msgspec.Struct, frozen=True):
    """`delays`: seconds before each repetition of what may be repeated, one for each.

    `wait`: seconds that it may take to answer when it is asked to wait for a change. `most`: bytes
    of an answer that are read as a whole.
    """

    base: httpx.URL
    delays: tuple[float, ...]
    wait: int
    following: Following = Following.ANYWHERE
    most: int = LARGEST

    @property
    def url(self) -> str:
        """The address, without credentials."""
        return str(self.base).rstrip("/")

    @property
    def is_loopback(self) -> bool:
        return self.base.host in _LOOPBACK

    def resolve(self, place: str, base: httpx.URL | None = None) -> httpx.URL:
        """The absolute URL of a path, a Location or a link of this broker.

        A path that does not begin with that of the base URL is taken to be below it: a broker
        behind a proxy does not know the prefix that its clients see.
        """
        try:
            target = httpx.URL(place)
            if target.is_absolute_url:
                return target
            if base is not None and not self.owns(base):
                return base.join(place)
            if target.path.startswith(self.base.path):
                return self.base.join(place)
            return self.base.join(place.lstrip("/"))
        except (httpx.InvalidURL, ValueError):
            raise UnexpectedReply(f"The broker refers to {place!r}, which is no URL.") from None

    def owns(self, target: httpx.URL) -> bool:
        """Whether a URL is of the broker's own origin, so that it may be shown credentials."""
        return _origin(target) == _origin(self.base)

    def follow(self, place: str, here: httpx.URL) -> httpx.URL:
        """Where a redirection from `here` leads; UnexpectedReply if it is not gone along."""
        target = self.resolve(place, here)
        if target.scheme not in ("http", "https") or (
            here.scheme == "https" and target.scheme != "https"
        ):
            raise UnexpectedReply(
                f"{self.url} redirects to {target.scheme}, which is not followed."
            )
        if self.following is Following.OWN_ORIGIN and not self.owns(target):
            raise UnexpectedReply(
                f"{self.url} redirects to another place, {target.host}, which is not followed."
            )
        return target.copy_with(username=None, password=None)


class Credentials(msgspec.Struct, frozen=True):
    """A user name and a password, as they are kept in memory. They are shown nowhere."""

    username: str
    password: str

    def __repr__(self) -> str:
        return "Credentials(...)"


def read_address(url: str) -> tuple[httpx.URL, Credentials | None]:
    """The address of a broker, and the credentials that stood in it. BadAddress if it is none."""
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        address = httpx.URL()
    if address.scheme not in ("http", "https") or not address.host:
        raise BadAddress(
            "The address of the broker is not an http or https URL.",
            "Give one like http://127.0.0.1:8080.",
        )
    given = Credentials(address.username, address.password) if address.username else None
    path = address.path.rstrip("/") + "/"
    base = address.copy_with(username="", password="", path=path, query=None, fragment=None)
    return base, given


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
