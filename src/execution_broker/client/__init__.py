"""A client of an Execution Broker, blocking or asynchronous: typed methods over HTTP, errors that
say what to do."""

from execution_broker.client.async_client import AsyncBrokerClient
from execution_broker.client.client import BrokerClient
from execution_broker.client.errors import (
    BadAddress,
    BrokerRefused,
    ContentMismatch,
    TargetTaken,
    Unanswered,
    UnexpectedReply,
    Unreachable,
    UnusableFile,
    Unwritable,
)
from execution_broker.client.requests import Request, Which
from execution_broker.client.streams import StreamName

__all__ = [
    "AsyncBrokerClient",
    "BadAddress",
    "BrokerClient",
    "BrokerRefused",
    "ContentMismatch",
    "Request",
    "StreamName",
    "TargetTaken",
    "Unanswered",
    "UnexpectedReply",
    "Unreachable",
    "UnusableFile",
    "Unwritable",
    "Which",
]
