"""Where CI=true every component that a test needs is there: a test that skips has failed.

Not so one that skips because it asks for what cannot be here: its reason begins so.

A planted secret (tests/harness/secrecy.py) in what any test wrote or logged has failed it too.
"""

import os
from collections.abc import Generator
from typing import TypeVar

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.harness.databases import postgres, system_postgres
from tests.harness.kernel import kernel_python
from tests.harness.packages import packages
from tests.harness.secrecy import leaked

__all__ = ["kernel_python", "packages", "postgres", "system_postgres"]

collect_ignore = ["example_wheel"]  # a project of its own

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

# A busy machine draws slowly; that says nothing about the rule.
settings.register_profile(
    "any machine", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")
settings.register_profile("few", max_examples=10)  # which lines are reached, not what is right

# What our processes log is plain; the default here would print every local variable, for seconds.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.dev.ConsoleRenderer(colors=False),
    ]
)

_DOES_NOT_APPLY = "Skipped: does not apply: "
_MUST_RUN = os.environ.get("CI", "").lower() == "true"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _failed_if_leaked(_failed_if_skipped((yield), item.nodeid))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _failed_if_skipped((yield), collector.nodeid)


def _failed_if_leaked(report: pytest.TestReport) -> pytest.TestReport:
    """What a test wrote and logged, here and in its processes, never has a planted secret."""
    found = leaked("".join(text for _, text in report.sections))
    if found and report.passed:
        report.outcome = "failed"
        report.longrepr = f"{len(found)} planted secrets are in what this test wrote or logged"
    return report


def _failed_if_skipped(report: Report, where: str) -> Report:
    if _MUST_RUN and report.skipped and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        if not reason.startswith(_DOES_NOT_APPLY):
            report.outcome = "failed"
            report.longrepr = f"{where} skipped where everything must run: {reason}"
    return report
