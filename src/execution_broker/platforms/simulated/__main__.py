"""What an operator may do to a simulated world, to see how clients and the broker bear it.

`python -m execution_broker.platforms.simulated WORLD down|up|lose SESSION|creations`. WORLD is the
file: `platforms/NAME/world.sqlite` in the data directory, unless configured.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path
from uuid import UUID

from execution_broker.platforms.simulated.world import World, labels


def main(arguments: list[str]) -> int:
    """Do it to every place of this world. 0: done; 1: there was nothing to do it to."""
    parser = argparse.ArgumentParser(prog="execution_broker.platforms.simulated")
    parser.add_argument("world", type=Path, help="the file of the world")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("down", help="every call fails from now on")
    commands.add_parser("up", help="calls work again")
    lose = commands.add_parser("lose", help="what a session runs is gone without a trace")
    lose.add_argument("session", type=UUID)
    commands.add_parser("creations", help="how often each thing was made")
    given = parser.parse_args(arguments)
    if not given.world.exists():
        parser.error(f"{given.world} is not there")
    places = [World(given.world, label) for label in labels(given.world)]
    match given.command:
        case "down":
            for place in places:
                place.go_down()
        case "up":
            for place in places:
                place.come_up()
        case "lose":
            return 0 if sum(place.lose(given.session) for place in places) else 1
        case "creations":
            made = Counter(one for place in places for one in place.creations())
            for one, times in made.items():
                sys.stdout.write(f"{times} {one.session} {one.key} {one.name}\n")
    return 0 if places else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
