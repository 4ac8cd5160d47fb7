"""`broker init`: the first request file, from a notebook, an image, or answers to questions."""
