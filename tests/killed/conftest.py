"""The kernel environment is the one of the tests of platforms."""

from tests.platforms.conftest import kernel_python

__all__ = ["kernel_python"]
