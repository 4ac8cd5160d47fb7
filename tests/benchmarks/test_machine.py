"""What a process and its children have cost does not get less when children end."""

import subprocess
import sys
from itertools import pairwise

from benchmarks import machine

_PROGRAM = """
import os, time
for _ in range(40):
    for _ in range(8):
        if os.fork() == 0:
            while time.process_time() < 0.012:
                pass
            os._exit(0)
    for _ in range(8):
        os.wait()
"""


def test_the_cpu_of_a_tree_only_grows() -> None:
    with subprocess.Popen([sys.executable, "-c", _PROGRAM]) as parent:
        seen: list[float] = []
        while parent.poll() is None:
            seen.append(machine.tree_cpu(parent.pid))
    assert all(before <= after for before, after in pairwise(seen))
    assert seen[0] < seen[-1]
