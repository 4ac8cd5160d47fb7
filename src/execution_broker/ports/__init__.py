"""The doors: what others implement to add a platform, a kind of data, or a transfer."""
