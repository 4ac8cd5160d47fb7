"""What a server gives back of the memory that checking passwords takes, and what is collected."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, time
from pathlib import Path
from execution_broker.cli.memory import give_back_large_blocks
from execution_broker.services.passwords import Passwords

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

async def check():
    passwords = Passwords(time.monotonic, b"secret")
    before = resident()
    hashed = await passwords.hash("a password")
    assert all(await asyncio.gather(*(passwords.matches(hashed, "a password") for _ in range(6))))
    print(resident() - before)

give_back_large_blocks()
asyncio.run(check())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that has to be told")
def test_checking_passwords_keeps_no_memory() -> None:
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, check=True, timeout=120
    )
    assert int(found.stdout) < 8 << 20


COLLECTING = """
import gc, weakref
from execution_broker.cli.memory import spare_what_is_loaded

class Thing:
    pass

def ring():
    one = Thing()
    one.itself = one
    return weakref.ref(one)

early = Thing()
spare_what_is_loaded()
assert not any(one is early for one in gc.get_objects())
later = ring()
rings = [ring() for _ in range(20_000)]
assert later() is None
"""


def test_only_what_came_later_is_looked_at_by_the_collector() -> None:
    """And what came later and goes round in a circle is still collected by itself."""
    subprocess.run([sys.executable, "-c", COLLECTING], check=True, timeout=120)
