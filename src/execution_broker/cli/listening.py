"""The socket that the API listens on."""

import socket
from ipaddress import ip_address

from execution_broker.domain.errors import ConfigurationError


def listen(address: str) -> socket.socket:
    """A listening socket at host:port. ConfigurationError when it cannot be had."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _cannot_listen(address, error) from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, int(port)))
        listening.listen(2048)
    except (OSError, ValueError, OverflowError) as error:
        listening.close()
        raise _cannot_listen(address, error) from None
    return listening


def url_of(listening: socket.socket) -> str:
    """The address that clients on this machine use."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    plain = host.strip("[]")
    try:
        return ip_address(plain).is_loopback
    except ValueError:
        return plain == "localhost"


def _cannot_listen(address: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"http.listen: cannot listen on {address}: {error}.",
        "Give host:port with a free port, for example 127.0.0.1:8080.",
    )
