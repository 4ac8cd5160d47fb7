"""A server does not hold what nobody has asked it for."""

import subprocess
import sys

HEAVY = ("alembic", "cryptography", "httpx", "joserfc", "lxml", "sqlalchemy", "yaml")


def test_what_is_needed_by_few_is_loaded_with_its_first_use() -> None:
    code = "import sys, execution_broker.cli.serving; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "execution_broker.services.identities" in loaded
    assert not loaded.intersection(HEAVY)
