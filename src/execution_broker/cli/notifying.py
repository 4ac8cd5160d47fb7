"""`broker notify`: where one is told of one's sessions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from uuid import UUID

import typer

from execution_broker.cli.context import At, connected
from execution_broker.cli.credentials import read_password
from execution_broker.cli.exits import Exit
from execution_broker.cli.teaching import teach
from execution_broker.models.told import Told

if TYPE_CHECKING:
    from rich.table import Table

    from execution_broker.cli.rendering.words import Here
    from execution_broker.models.extensions import Subscription

notices: Final = typer.Typer(
    help="Be told of one's sessions by a webhook or by mail.", no_args_is_help=True
)

_PANEL: Final = "For users"

Webhook = Annotated[
    str | None, typer.Option(metavar="URL", help="Where signed JSON is sent, over https.")
]
Email = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Where mail is sent.")]
About = Annotated[
    list[Told] | None,
    typer.Option(metavar="WHAT", help="ready, late, idle, ends-soon or failed. May be repeated."),
]
SecretFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="File with the secret that signs: whsec_ and base64."),
]
Which = Annotated[UUID, typer.Argument(metavar="UUID", help="UUID of a subscription.")]


def add_commands(app: typer.Typer) -> None:
    """Register the commands with their examples."""
    teach(
        notices,
        _PANEL,
        "add",
        connected(add),
        "broker notify add --webhook https://hooks.example.org/broker",
        "broker notify add --email ada@example.org --about late --about failed",
    )
    teach(notices, _PANEL, "list", connected(show_all), "broker notify list")
    teach(
        notices,
        _PANEL,
        "remove",
        connected(remove),
        "broker notify remove 7b1c1f1e-7d0a-4b53-9a93-0d6a9c7d4a51",
    )
    app.add_typer(notices, name="notify", rich_help_panel=_PANEL)


def add(
    at: At,
    webhook: Webhook = None,
    email: Email = None,
    about: About = None,
    secret_file: SecretFile = None,
) -> Exit:
    """Be told when a session is ready, late, idle, ends soon or has failed.

    What is sent to a webhook is signed with a secret. Without --secret-file the broker makes one,
    and it is shown once, now.
    """
    from execution_broker.cli.requests import BadRequest
    from execution_broker.models.extensions import SubscriptionRequest

    if (webhook is None) == (email is None):
        raise BadRequest(
            "Either a webhook or a mail address says where to tell.",
            "Give one of both: broker notify add --email ada@example.org",
        )
    added = at.client.subscribe(
        SubscriptionRequest(
            way="email" if webhook is None else "webhook",
            address=webhook or email or "",
            about=tuple(about or ()),
            secret=None if secret_file is None else read_password(secret_file),
        )
    )
    if at.json:
        at.write_json(added)
        return Exit.DONE
    at.out.print(f"Added {added.uuid}: {', '.join(added.about)}.", soft_wrap=True)
    if added.secret is not None:
        at.out.print(f"Its secret, which is not shown again: {added.secret}", soft_wrap=True)
    return Exit.DONE


def show_all(at: At) -> Exit:
    """List where one is told, and what came of it last."""
    found = at.client.subscriptions().subscriptions
    if at.json:
        at.write_json(found)
    else:
        at.out.print(_table(found, at.here()))
    return Exit.DONE


def remove(at: At, which: Which) -> Exit:
    """Be told there no more."""
    at.client.unsubscribe(which)
    if not at.json:
        at.out.print(f"Removed {which}.")
    return Exit.DONE


def _table(found: "tuple[Subscription, ...]", here: "Here") -> "Table":
    from rich.table import Table

    from execution_broker.cli.rendering import words

    shown = Table("where", "about", "last", "uuid", box=None, header_style="bold")
    for one in found:
        shown.add_row(
            words.plain(one.address),
            " ".join(map(words.plain, one.about)),
            _last(one, here),
            words.plain(one.uuid),
        )
    return shown


def _last(one: "Subscription", here: "Here") -> str:
    from execution_broker.cli.rendering import words

    if one.failed is not None and (one.sent is None or one.sent < one.failed):
        when = words.moment(words.aware(one.failed), here)
        return f"failed {when}: {words.plain(one.fault or '')}"
    if one.sent is None:
        return "nothing sent yet"
    return f"sent {words.moment(words.aware(one.sent), here)}"
