"""What samples teach: after enough of them, robustly, within bounds."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.capability import UNHEARD_OF, Capability, Timings
from execution_broker.domain.timing import Lesson, taught, throughput

CONFIGURED = Timings(storage=3, compute=40, release=0)
SECONDS = st.floats(0, 1e9)


def learned(**samples: list[float]) -> Timings:
    reported = Capability(capacity={}, executables=(), timings=CONFIGURED)
    capability = taught(reported, {Lesson(name): seen for name, seen in samples.items()})
    untaught = {"timings": CONFIGURED, "quickest": UNHEARD_OF}
    assert msgspec.structs.replace(capability, **untaught) == reported
    return capability.timings


def quickest(**samples: list[float]) -> Timings:
    reported = Capability(capacity={}, executables=(), timings=CONFIGURED)
    return taught(reported, {Lesson(name): seen for name, seen in samples.items()}).quickest


@given(st.sampled_from(Lesson), st.lists(SECONDS, max_size=4))
def test_few_samples_teach_nothing(lesson: Lesson, seen: list[float]) -> None:
    assert learned(**{lesson.value: seen}) == CONFIGURED


@given(st.lists(st.floats(1, 86_400), min_size=5, max_size=50))
def test_what_is_learned_covers_most_and_no_outlier_decides(seen: list[float]) -> None:
    compute = learned(compute=seen).compute
    assert sum(one <= compute for one in seen) >= 0.8 * len(seen)
    *rest, worst = sorted(seen)
    assert learned(compute=[*rest, 1000 * worst]).compute == compute
    assert learned(compute=seen).storage == CONFIGURED.storage


@given(st.sampled_from(Lesson), st.lists(SECONDS, min_size=5, max_size=50))
def test_what_is_learned_is_sane_and_monotone(lesson: Lesson, seen: list[float]) -> None:
    def of(samples: list[float]) -> int:
        found: int = getattr(learned(**{lesson.value: samples}), lesson.value)
        return found

    if lesson is Lesson.THROUGHPUT:
        assert 1000 <= of(seen) <= 1 << 40
    else:
        assert 0 <= of(seen) <= 86_400
    assert of([2 * one for one in seen]) >= of(seen)


@given(st.sampled_from(Lesson), st.lists(SECONDS, max_size=4))
def test_what_few_have_taken_may_be_quicker(lesson: Lesson, seen: list[float]) -> None:
    assert quickest(**{lesson.value: seen}) == UNHEARD_OF


@given(st.lists(st.floats(1, 86_400), min_size=5, max_size=50))
def test_the_quickest_is_what_few_are_quicker_than(seen: list[float]) -> None:
    least = quickest(compute=seen).compute
    assert sum(one < least for one in seen) <= 0.2 * len(seen)
    assert least <= learned(compute=seen).compute
    (best, *rest) = sorted(seen)
    assert quickest(compute=[best / 1000, *rest]).compute == least


def test_the_quickest_is_a_low_quantile_and_of_throughput_a_high_one() -> None:
    assert quickest(compute=[100.0, 7.2, 9.0, 8.0, 7.9]).compute == 7
    assert quickest(throughput=[9e6, 1e6, 8e6, 2e6, 7e6]).throughput == 8_000_000


def test_slow_staging_is_what_counts_of_throughput() -> None:
    assert learned(throughput=[9e6, 1e6, 8e6, 2e6, 7e6]).throughput == 2_000_000


def test_a_moment_counts_as_none_only_where_none_is_configured() -> None:
    timings = learned(storage=[0.1] * 5, release=[0.1] * 5, compute=[0.7] * 5)
    assert (timings.storage, timings.release, timings.compute) == (1, 0, 1)


def test_few_bytes_tell_nothing_of_throughput() -> None:
    assert throughput(1000, 0.5) is None
    assert throughput(5 << 20, 2.5) == 2 << 20
