"""starlab for the execution broker."""
