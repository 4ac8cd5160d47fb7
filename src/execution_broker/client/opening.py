"""From what is given of a broker to whom to speak to, and as whom."""

from typing import Final

from execution_broker.client.credentials import GetToken, GetTokenSoon, Signer
from execution_broker.client.peer import Credentials, Peer, read_address

_WAIT: Final = 20


def opened(
    url: str,
    given: Credentials | None,
    token: str | GetToken | GetTokenSoon | None,
    timeout: float,
    delays: tuple[float, ...],
) -> tuple[Peer, Signer]:
    """Credentials that are given go over those in the address. BadAddress if it is none."""
    base, found = read_address(url)
    if given is not None and found is not None and not given.password:
        given = Credentials(given.username, found.password)
    wait = max(1, min(_WAIT, int(timeout / 2)))
    return Peer(base, delays, wait), Signer(given or found, token)
