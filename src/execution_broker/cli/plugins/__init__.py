"""`broker plugins`: what is installed behind the three open doors, and how to write another."""
