"""Everything here is run on both databases."""

from tests.harness.databases import on_database

__all__ = ["on_database"]
