"""What a platform is given when it is made, for the tests of one."""

from pathlib import Path
from uuid import uuid4

from execution_broker.ports import registry
from execution_broker.ports.platform import PlatformContext


def make_context(directory: Path, *, readable: Path) -> PlatformContext:
    """A context whose directories are below `directory`. Simple data may be read by file URLs,
    below `readable` alone."""
    file, simple = registry.plugin("transfers", "file"), registry.plugin("data_kinds", "simple")
    own = directory / "platform"
    own.mkdir(parents=True, exist_ok=True)
    return PlatformContext(
        instance=uuid4(),
        directory=own,
        results=directory / "results",
        transfers={"file": file(file.Config(roots=(str(readable),)))},
        data_kinds={simple.kind: simple(simple.Config())},
    )
