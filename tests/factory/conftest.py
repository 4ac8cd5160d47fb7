"""Everything here is run on each database."""

from tests.harness.databases import on_database

__all__ = ["on_database"]
