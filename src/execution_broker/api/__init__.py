"""HTTP in and out: one route table, from which routing, access and the document come.

Nothing is decided here: a handler translates a request, asks a service, and translates the answer.
"""
