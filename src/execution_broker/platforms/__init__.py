"""Leaves: the places that can run sessions, found by their entry points."""
