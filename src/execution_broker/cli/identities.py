"""Commands for accounts: `broker identity`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal
from uuid import UUID

import typer

from execution_broker.cli.context import (
    At,
    connected,
    connected_as_administrator,
)
from execution_broker.cli.credentials import ask_new_password, read_password
from execution_broker.cli.exits import Exit
from execution_broker.cli.teaching import teach

if TYPE_CHECKING:
    from execution_broker.models.extensions import Identity, IdentityChange

accounts: Final = typer.Typer(help="Accounts of a broker.", no_args_is_help=True)

PasswordOfNew = Annotated[
    Path | None,
    typer.Option("--password-file", metavar="FILE", help="File with the new password."),
]
NewPassword = Annotated[
    Path | None,
    typer.Option("--new-password-file", metavar="FILE", help="File with the new password."),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the new account.")]
Who = Annotated[str, typer.Argument(metavar="NAME", help="Name of an identity, or its UUID.")]
Whose = Annotated[
    str | None,
    typer.Argument(metavar="[NAME]", help="Whose, for the administrator; else one's own."),
]
Role = Annotated[
    Literal["user", "administrator"],
    typer.Argument(metavar="user|administrator", help="What it may do."),
]


def add_commands(app: typer.Typer, panel: str) -> None:
    """Register the commands with their examples."""
    teach(
        accounts,
        panel,
        "add",
        connected_as_administrator(add),
        "broker identity add dave",
        "broker identity add dave --password-file dave.txt",
    )
    teach(accounts, panel, "list", connected(show_all), "broker identity list")
    teach(accounts, panel, "show", connected(show), "broker identity show --user dave")
    teach(accounts, panel, "disable", connected(disable), "broker identity disable dave")
    teach(accounts, panel, "enable", connected(enable), "broker identity enable dave")
    teach(accounts, panel, "role", connected(set_role), "broker identity role dave administrator")
    teach(
        accounts,
        panel,
        "password",
        connected(set_password),
        "broker identity password --user dave",
        "broker identity password dave --new-password-file dave.txt",
    )
    app.add_typer(accounts, name="identity", rich_help_panel=panel)


def add(at: At, name: Name, new_password_file: PasswordOfNew = None) -> Exit:
    """Add an account. Asks for its password, unless a file has it.

    The administrator adds accounts: on the machine of a default server nothing else is needed,
    elsewhere give --user and --admin-password-file.
    """
    account = at.client.create_identity(name, _new_password(name, new_password_file))
    if at.json:
        at.write_json(account)
    else:
        at.out.print(f"Added {account.username} ({account.uuid}).")
    return Exit.DONE


def show_all(at: At) -> Exit:
    """List all identities: local accounts, and whoever came with a token of an issuer."""
    found = list(_all(at))
    if at.json:
        at.write_json(found)
    else:
        from execution_broker.cli.rendering.identities import table

        at.out.print(table(found, at.here()))
    return Exit.DONE


def show(at: At) -> Exit:
    """Say who one is for the broker."""
    return _shown(at, at.client.identity())


def disable(at: At, who: Who) -> Exit:
    """Let an identity in no more, at once. What it runs goes on; cancel that if it must end."""
    from execution_broker.models.extensions import IdentityChange

    return _change(at, who, IdentityChange(disabled=True))


def enable(at: At, who: Who) -> Exit:
    """Let an identity in again."""
    from execution_broker.models.extensions import IdentityChange

    return _change(at, who, IdentityChange(disabled=False))


def set_role(at: At, who: Who, role: Role) -> Exit:
    """Make a local account that of an administrator, or of a user again."""
    from execution_broker.models.extensions import IdentityChange

    return _change(at, who, IdentityChange(role=role))


def set_password(at: At, who: Whose = None, new_password_file: NewPassword = None) -> Exit:
    """Change a password: one's own, or for the administrator anybody's. Asks for the new one."""
    from execution_broker.models.extensions import IdentityChange

    password = _new_password(who or "yours", new_password_file)
    if who is None:
        return _shown(at, at.client.change_password(password))
    return _change(at, who, IdentityChange(password=password))


def _new_password(whose: str, file: Path | None) -> str:
    return ask_new_password(f"password of {whose}") if file is None else read_password(file)


def _change(at: At, who: str, change: "IdentityChange") -> Exit:
    return _shown(at, at.client.change_identity(_uuid(at, who), change))


def _shown(at: At, identity: "Identity") -> Exit:
    if at.json:
        at.write_json(identity)
    else:
        from execution_broker.cli.rendering.identities import line

        at.out.print(line(identity, at.here()))
    return Exit.DONE


def _uuid(at: At, who: str) -> UUID | str:
    """The UUID of an identity by its name, unless it is one already."""
    from execution_broker.domain.errors import NotFound

    try:
        return UUID(who)
    except ValueError:
        pass  # a name, then
    for identity in _all(at):
        if identity.username == who:
            return identity.uuid
    raise NotFound(f"There is no identity {who}.", "List them with `broker identity list`.")


def _all(at: At) -> "Iterator[Identity]":
    after: str | None = None
    while True:
        page = at.client.identities(after)
        yield from page.identities
        if page.next is None or page.next == after:
            return
        after = page.next
