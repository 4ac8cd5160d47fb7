"""XML: every wire object as elements named by its properties, as the published schema hints.

`kind` is an attribute of what is told apart by it. A list stands in an element of its name, a map
as `<item name="K">`; a value of a map that is no text says its type. A list without such an element
is read too. What XML cannot say (control characters) is written as U+FFFD.
"""

from execution_broker.formats.xml.reading import read
from execution_broker.formats.xml.writing import write

__all__ = ["read", "write"]
