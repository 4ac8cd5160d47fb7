"""`python -m execution_broker.cli` is the command `broker`."""

from execution_broker.cli.main import run

if __name__ == "__main__":
    run()
