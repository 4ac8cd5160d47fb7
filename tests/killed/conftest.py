"""The kernel environment is the one of the tests of platforms."""

from tests.harness.kernel import kernel_python

__all__ = ["kernel_python"]
