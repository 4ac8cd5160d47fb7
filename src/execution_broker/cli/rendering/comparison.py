"""Offers of many brokers side by side, and in words what one gives for what."""

from datetime import timedelta
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from execution_broker.cli.rendering import words
from execution_broker.cli.rendering.words import Here
from execution_broker.client.comparing import Bid, Bounds, Comparison, Trade, trade


def comparison(found: Comparison, here: Here) -> RenderableType:
    """The whole of it: bids, what they trade, who is not among them."""
    left_out = [
        Text(f"- {words.plain(r.broker)}: {'NO. ' if r.is_no else ''}{words.plain(r.reason)}")
        for r in found.refusals
    ]
    if not found.bids:
        return Group(Text("NO offers", style="bold red"), *left_out)
    parts: list[RenderableType] = [table(found.bids, here)]
    if any(bid.is_dominated for bid in found.bids):
        parts.append(Text("* another one is in nothing worse and in something better"))
    return Group(*parts, *left_out)


def table(bids: tuple[Bid, ...], here: Here) -> Table:
    """One row for each bid, and what it gives for what beside the earliest good one."""
    costs = list(dict.fromkeys(type_ for bid in bids for type_ in bid.costs))
    shown = Table("#", "broker", "starts", "lasts", "cores", "memory", box=None)
    shown.header_style = "bold"
    for type_ in costs:
        shown.add_column(words.type_name(type_))
    shown.add_column("instead of 1")
    for number, bid in enumerate(bids, 1):
        shown.add_row(
            f"{number}{'*' if bid.is_dominated else ''}",
            words.plain(bid.broker),
            words.moment(bid.start, here),
            _length(bid.duration),
            str(bid.cores),
            f"{bid.memory} GiB",
            *(_cost(bid.costs.get(type_)) for type_ in costs),
            "" if number == 1 else in_words(trade(bids[0], bid)),
            style="dim" if bid.is_dominated else "",
        )
    return shown


def in_words(what: Trade) -> str:
    """`30 min later, 40 % cheaper, 2 more cores`."""
    parts = [
        _time(what.later, "later", "earlier"),
        _time(what.longer, "longer", "shorter"),
        *(_price(type_, change) for type_, change in what.costs.items()),
        _more(what.cores, "cores"),
        _more(what.memory, "GiB memory"),
        _more(what.storage, "GiB storage"),
        *(_better(type_, change) for type_, change in what.metrics.items()),
    ]
    return ", ".join(part for part in parts if part) or "the same"


def hints(found: Comparison, urls: dict[str, str]) -> Text:
    """How to take one of those that are worth it."""
    lines = [
        f"{number}  broker accept {bid.uuid} --url {_bare(urls[bid.broker])}"
        for number, bid in enumerate(found.bids, 1)
        if not bid.is_dominated
    ]
    return Text("\n".join(["Take one; the others expire by themselves:", *lines]))


def as_values(found: Comparison, taken: Bid | None) -> dict[str, Any]:
    """The same for machines: each bid with its trade against the first."""
    bids: list[dict[str, Any]] = []
    for bid in found.bids:
        instead = trade(found.bids[0], bid)
        values = {"trade": msgspec.to_builtins(instead), "words": in_words(instead)}
        bids.append({**msgspec.to_builtins(bid), **values})
    return {
        "bids": bids,
        "refusals": msgspec.to_builtins(found.refusals),
        "taken": None if taken is None else str(taken.uuid),
    }


def _time(seconds: float, later: str, earlier: str) -> str:
    return f"{_length(abs(seconds))} {later if seconds > 0 else earlier}" if seconds else ""


def _length(seconds: float) -> str:
    return words.length(timedelta(seconds=seconds))


def _price(type_: str, change: float) -> str:
    name = words.type_name(type_)
    if name == "monetary":
        return _percent(change, "dearer", "cheaper")
    return _percent(change, f"more {name}", f"less {name}")


def _better(type_: str, change: float) -> str:
    name = words.type_name(type_)
    return _percent(change, f"more {name}", f"less {name}")


def _percent(change: float, more: str, less: str) -> str:
    percent = round(abs(change) * 100)
    if not percent:
        return ""
    if change > 1:
        times = f"{1 + change:.3g} times as"
        return f"{times} dear" if more == "dearer" else f"{times} much {more.removeprefix('more ')}"
    return f"{percent} % {more if change > 0 else less}"


def _more(count: int, what: str) -> str:
    return f"{abs(count)} {'more' if count > 0 else 'fewer'} {what}" if count else ""


def _cost(bounds: Bounds | None) -> str:
    if bounds is None:
        return "-"
    return " to ".join(dict.fromkeys(f"{bound:.4g}" for bound in (bounds.min, bounds.max)))


def _bare(url: str) -> str:
    """The address without credentials."""
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return words.plain(f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}")
