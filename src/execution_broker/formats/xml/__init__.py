"""XML: every wire object as elements named by its properties, as the published schema hints.

`kind` is an attribute of what is told apart by it. A list stands in an element of its name, a map
as `<item name="K">`; a value of a map that is no text says its type. A list without such an element
is read too. What XML cannot say (control characters) is written as U+FFFD.
"""

from typing import Any


def read(data: bytes, type_: Any) -> object:
    """The plain value of an XML text that is expected to be of this wire type."""
    from execution_broker.formats.xml.reading import read

    return read(data, type_)


def write(value: Any) -> bytes:
    """The document of a wire struct."""
    from execution_broker.formats.xml.writing import write

    return write(value)
