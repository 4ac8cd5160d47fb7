"""Identities: a table of them, or one on a line."""

from collections.abc import Sequence

from rich.table import Table

from execution_broker.cli.rendering import words
from execution_broker.cli.rendering.words import Here
from execution_broker.models.extensions import Identity


def table(identities: Sequence[Identity], here: Here) -> Table:
    """One row for each."""
    shown = Table("name", "role", "state", "of", "uuid", box=None, header_style="bold")
    for one in identities:
        shown.add_row(
            words.plain(one.username),
            one.role,
            _state(one, here),
            words.plain(one.issuer or "this broker"),
            words.plain(one.uuid),
            style="dim" if one.disabled else "",
        )
    return shown


def line(one: Identity, here: Here) -> str:
    """`dave is a user, enabled, of this broker (uuid).`"""
    article = "an" if one.role == "administrator" else "a"
    of = words.plain(one.issuer or "this broker")
    name = words.plain(one.username)
    return f"{name} is {article} {one.role} of {of}, {_state(one, here)} ({words.plain(one.uuid)})."


def _state(one: Identity, here: Here) -> str:
    if one.disabled is None:
        return "enabled"
    return f"disabled since {words.moment(words.aware(one.disabled), here)}"
