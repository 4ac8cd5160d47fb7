"""Ways in which a notice reaches somebody: they know where it goes, and nothing of sessions."""
