"""The work: every kind of step as load, act and apply."""
