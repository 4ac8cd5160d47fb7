"""Leaves: one file per technology, with its kinds of data and its transfers."""
