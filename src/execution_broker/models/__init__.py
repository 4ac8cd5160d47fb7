"""The words: the wire format of the IVOA Execution Broker interface as msgspec structs.

Field names, enums and kind URIs are those of the published schema; no behaviour and no I/O
lives here. Absent values are omitted, never null. Sizes are GiB, costs and metrics plain numbers.
"""
