"""Everything here is run on both databases."""

from tests.harness.databases import on_database, postgres

__all__ = ["on_database", "postgres"]
