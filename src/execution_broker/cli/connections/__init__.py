"""The connections of clients: how many there may be, and how long one may keep others waiting."""
