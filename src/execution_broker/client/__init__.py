"""A thin client of an Execution Broker: typed methods over HTTP, errors that say what to do."""

from execution_broker.client.client import BrokerClient
from execution_broker.client.errors import (
    BadAddress,
    BrokerRefused,
    ContentMismatch,
    TargetTaken,
    Unanswered,
    UnexpectedReply,
    Unreachable,
    Unwritable,
)
from execution_broker.client.streams import StreamName

__all__ = [
    "BadAddress",
    "BrokerClient",
    "BrokerRefused",
    "ContentMismatch",
    "StreamName",
    "TargetTaken",
    "Unanswered",
    "UnexpectedReply",
    "Unreachable",
    "Unwritable",
]
