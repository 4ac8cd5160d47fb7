"""moon for the execution broker."""
