"""The closed list of what is logged (S12)."""

from enum import StrEnum


class LogEvent(StrEnum):
    """The name of every event that a log line can have."""

    ACT_CUT_OFF = "act-cut-off"
    ACT_LEFT = "act-left"
    BATCH_DIVIDED = "batch-divided"
    BELL_LOST = "bell-lost"
    CLAIM_FAILED = "claim-failed"
    CONNECTION_CLOSED = "connection-closed"
    DATABASE_FULL = "database-full"
    ISSUER_UNREACHABLE = "issuer-unreachable"
    LEASE_LOST = "lease-lost"
    PLUGIN_UNUSABLE = "plugin-unusable"
    RENEWAL_FAILED = "renewal-failed"
    REQUEST_ANSWERED = "request-answered"
    REQUEST_FAILED = "request-failed"
    STEP_CRASHED = "step-crashed"
    STEP_FAILED = "step-failed"
    STEP_GAVE_UP = "step-gave-up"
    STEP_UNFINISHED = "step-unfinished"
    TOO_MANY = "too-many"
    TRACES_LOST = "traces-lost"
    TRANSACTION_RETRIED = "transaction-retried"
    UPKEEP_FAILED = "upkeep-failed"
