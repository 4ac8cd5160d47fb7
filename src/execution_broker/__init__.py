"""An IVOA Execution Broker: where, when and at what cost can this run?"""

from importlib.metadata import version

__version__ = version("execution-broker")
