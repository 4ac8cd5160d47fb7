"""The few compound transactions that both answering and working need."""
