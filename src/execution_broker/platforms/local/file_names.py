"""The name of a data resource's file: no two in one storage have the same."""

from collections.abc import AsyncIterator

from execution_broker.domain.errors import Permanent
from execution_broker.domain.naming import distinct, numbered_file
from execution_broker.platforms.local.site import Site
from execution_broker.ports.platform import Order


async def name_in_storage(site: Site, order: Order, name: str) -> str:
    """The name for the file of the order's data resource, which would be called `name` if it were
    alone: the first of the same name in a request keeps it. The same at every repetition."""
    before = [one async for one in _names_before(site, order)]
    return distinct([*before, name], numbered_file)[-1]


async def _names_before(site: Site, order: Order) -> AsyncIterator[str]:
    """The names of the data resources before it that go to the same storage."""
    index = int(order.key.partition("/")[2])
    storage = order.document.data[index].storage
    for resource in order.document.data[:index]:
        kind = site.kinds.get(str(resource.__struct_config__.tag))
        if kind is not None and resource.storage == storage:
            try:
                yield (await kind.locate(resource)).name
            except Permanent:  # it has no file, and fails by itself
                continue
