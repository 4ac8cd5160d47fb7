"""SQL and only SQL: whole transactions over one connection interface, for every database."""
