"""What `make demo` shows: a notebook with real data, from request to result, and two refusals.

With --corrupt the data is served with one byte changed: the session must end FAILED.
"""

import argparse
import copy
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from rich.console import RenderableType
from rich.syntax import Syntax
from rich.text import Text
from stage import (
    HERE,
    NOTEBOOK,
    SERIES,
    Unexpected,
    fill_in,
    read_series,
    running_broker,
    wait_until,
    web_server,
    what_is_left,
)

from execution_broker.cli import failing
from execution_broker.cli.context import At, output
from execution_broker.cli.rendering.offers import offerset, suggestion, table
from execution_broker.cli.rendering.session import all_messages, line
from execution_broker.cli.rendering.watching import Watched, timeline
from execution_broker.cli.watching import show
from execution_broker.domain import messages
from execution_broker.domain.errors import BrokerError
from execution_broker.models.execution import ExecutionSession, OfferSetResponse
from execution_broker.models.message import Message
from execution_broker.models.phases import SessionPhase

ROOT: Final = HERE.parent.parent
RESULTS: Final = {
    "executed notebook": NOTEBOOK,
    "picture": "polar_motion.png",
    "fitted values": "fit.json",
}
TOO_MANY: Final = 4096
TOO_SHORT: Final = "../PT5S"


def main() -> int:
    """0 when everything went as it should; else 1, with a sentence on stderr."""
    arguments = _arguments()
    where = output(json=False)
    try:
        series = read_series(arguments.kernel)
        served = {NOTEBOOK: (HERE / NOTEBOOK).read_bytes(), SERIES: series}
        if arguments.corrupt:
            served[SERIES] = _with_one_byte_changed(series)
        state = arguments.directory.absolute()
        with (
            web_server(served, state) as url,
            running_broker(state / "broker", arguments.kernel.absolute(), where.out) as client,
        ):
            text = fill_in((HERE / "request.yaml").read_text("utf-8"), url, series)
            (state / "request.yaml").write_text(text, "utf-8")
            at = At(out=where.out, err=where.out, json=False, client=client)
            play = _Play(at, state)
            if arguments.corrupt:
                play.show_corrupted_data(text)
            else:
                play.show_all(text)
    except Unexpected as error:
        where.err.print(Text.assemble(("The demo failed. ", "bold red"), str(error)))
        return 1
    except BrokerError as error:
        failing.tell(error, where.err)
        return 1
    return 0


class _Play:
    """The acts of the demo, in order."""

    def __init__(self, at: At, state: Path) -> None:
        self._at = at
        self._state = state

    def show_all(self, text: str) -> None:
        request = yaml.safe_load(text)
        answer = self._ask(text, request)
        watched = self._follow(answer.offers[0], SessionPhase.COMPLETED)
        self._show_results(watched)
        self._act("5  Two requests that cannot be met, each with the nearest that can")
        cores = copy.deepcopy(request)
        cores["compute"]["cores"] = {"min": TOO_MANY}
        self._refuse(f"{TOO_MANY} cores", cores)
        window = copy.deepcopy(request)
        window["schedule"]["requested"]["start"] = TOO_SHORT
        self._refuse("A start within five seconds", window)
        self._say(
            f"All of it is in {_short(self._state)}: request, results, and the broker's state."
        )

    def show_corrupted_data(self, text: str) -> None:
        answer = self._ask(text, yaml.safe_load(text))
        watched = self._follow(answer.offers[0], SessionPhase.FAILED)
        session = _last(watched)
        found = {
            line("", message, self._at.here()).plain
            for _, message in all_messages(session)
            if message.kind == messages.CHECKSUM_MISMATCH.kind
        }
        if not found:
            raise Unexpected("The session FAILED, but no message speaks of a checksum.")
        self._act("The data was not what it had to be")
        for said in sorted(found):
            self._say(said)
        broker = self._state / "broker"
        wait_until(
            lambda: not what_is_left(broker, _uuid(session)),
            f"The session left something behind, below {broker}.",
        )
        self._say("Nothing of the session is left: no directory, no booking.")

    def _ask(self, text: str, request: dict[str, Any]) -> OfferSetResponse:
        self._act("1  A request: run this notebook, with this data, for ten minutes")
        shown = Syntax(
            _without_comments(text), "yaml", theme="ansi_dark", background_color="default"
        )
        self._say(shown if self._at.out.is_terminal else _without_comments(text))
        self._act("2  The answer: offers, each of which holds what it promises")
        answer = self._at.client.request(request)
        self._say(offerset(answer, self._at.here()))
        if answer.result != "YES" or not answer.offers:
            raise Unexpected("The broker made no offer. The reasons are above.")
        return answer

    def _follow(self, offer: ExecutionSession, end: SessionPhase) -> Watched:
        uuid = _uuid(offer)
        self._act(f"3  The first is accepted, and becomes session {uuid}")
        watched = Watched()
        self._at.client.accept(uuid)

        def seen() -> Iterator[ExecutionSession]:
            for session in self._at.client.watch(uuid, interval=0.2):
                watched.see(session, self._at.here())
                yield session

        last = show(self._at, seen())
        if last.phase is not end:
            raise Unexpected(f"The session ended {last.phase} where it should be {end}.")
        return watched

    def _show_results(self, watched: Watched) -> None:
        session = _last(watched)
        uuid = _uuid(session)
        self._act("4  The result")
        self._say(self._at.client.stream(uuid, "stdout").decode("utf-8", "replace").strip())
        self._say("")
        kept = {file.path for file in self._at.client.results(uuid).results}
        missing = set(RESULTS.values()) - kept
        if missing:
            raise Unexpected(f"The session kept no {', '.join(sorted(missing))}.")
        for what, name in RESULTS.items():
            path = self._state / "results" / uuid / name
            self._at.client.fetch(uuid, name, path)
            self._say(Text.assemble(f"{what:<18}", (_short(path), "bold cyan")))
        self._say("")
        self._say(timeline(watched, self._at.here()))

    def _refuse(self, title: str, request: dict[str, Any]) -> None:
        """Ask for what cannot be had, then for what the answer suggests instead."""
        self._say(Text(f"{title}?", style="bold"))
        refused = self._at.client.request(request)
        self._say(offerset(refused, self._at.here()))
        helpful = [m for m in (refused.meta.messages if refused.meta else ()) if suggestion(m)]
        if refused.result != "NO" or not helpful:
            raise Unexpected(f"{title}: that should be a NO with a suggestion.")
        for message in helpful:
            _apply(message, request)
        answer = self._at.client.request(request)
        if answer.result != "YES":
            self._say(offerset(answer, self._at.here()))
            raise Unexpected(f"{title}: the suggestion did not make it a YES.")
        self._say("Asked again with that:")
        self._say(Text("YES", style="bold green"))
        self._say(table(answer.offers, self._at.here()))
        for offer in answer.offers:
            self._at.client.reject(_uuid(offer))
        self._say("Rejected again: nothing is held any more.")
        self._say("")

    def _act(self, title: str) -> None:
        self._say("")
        self._say(Text(title, style="bold yellow"))
        self._say("")

    def _say(self, what: RenderableType) -> None:
        self._at.out.print(what, soft_wrap=isinstance(what, str | Text))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--directory",
        type=Path,
        default=ROOT / ".demo",
        help="where the broker keeps its state and results go; what is there is used again",
    )
    parser.add_argument(
        "--kernel",
        type=Path,
        default=ROOT / ".venv-kernel/bin/python",
        help="the Python that notebooks run in",
    )
    parser.add_argument(
        "--corrupt", action="store_true", help="serve the data with one byte changed"
    )
    return parser.parse_args()


def _with_one_byte_changed(series: bytes) -> bytes:
    middle = len(series) // 2
    return series[:middle] + bytes([series[middle] ^ 1]) + series[middle + 1 :]


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("#"))


def _apply(message: Message, request: dict[str, Any]) -> None:
    """Set what the message suggests: `compute.cores.min` to 2, `data[0].location` to ..."""
    names = re.findall(r"[^.\[\]]+", message.values["path"])
    *places, last = [int(name) if name.isdecimal() else name for name in names]
    target: Any = request
    for place in places:
        target = target[place]
    value = message.values["to"]
    target[last] = int(value) if isinstance(target[last], int) else value


def _short(path: Path) -> str:
    """The path as somebody would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _last(watched: Watched) -> ExecutionSession:
    if watched.session is None:
        raise Unexpected("The session was never seen.")
    return watched.session


def _uuid(session: ExecutionSession) -> str:
    if session.meta is None or session.meta.uuid is None:
        raise Unexpected("The broker named no uuid.")
    return session.meta.uuid


if __name__ == "__main__":
    sys.exit(main())
