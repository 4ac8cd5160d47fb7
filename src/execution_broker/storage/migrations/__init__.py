"""The migrations of both databases, run by `storage.migrate`."""
