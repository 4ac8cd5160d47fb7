"""What tests share: a broker in this process, on a database of its own."""
