"""Which steps wake, for any graph: those that wait for nothing any more, and no other (S7)."""

from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.lifecycle import STEP_ENDS, StepPhase
from execution_broker.domain.waking import Needs, Sleeper, awake


@st.composite
def graphs(draw: st.DrawFn) -> list[Sleeper]:
    """Every step may wait for those before it."""
    steps: list[Sleeper] = []
    for number in range(draw(st.integers(0, 8))):
        keys = [step.key for step in steps]
        some = st.lists(st.sampled_from(keys), unique=True) if keys else st.just([])
        needs = Needs(tuple(draw(some)), tuple(draw(some)))
        phase = draw(st.sampled_from(list(StepPhase)))
        steps.append(Sleeper(number, str(number), phase, needs))
    return steps


@given(graphs())
def test_only_what_is_dormant_and_waits_for_nothing_wakes(steps: list[Sleeper]) -> None:
    phases = {step.key: step.phase for step in steps}
    woken = awake(steps)
    for step in steps:
        is_free = all(phases[key] is StepPhase.COMPLETED for key in step.needs.needs) and all(
            phases[key] in STEP_ENDS for key in step.needs.after
        )
        assert (step in woken) == (step.phase is StepPhase.DORMANT and is_free)


@given(graphs())
def test_what_does_not_fail_comes_to_its_end(steps: list[Sleeper]) -> None:
    """Nothing is forgotten: while something sleeps and nothing else has to end, something wakes."""
    left = [step._replace(phase=StepPhase.DORMANT) for step in steps]
    while any(step.phase is StepPhase.DORMANT for step in left):
        woken = awake(left)
        assert woken
        left = [s._replace(phase=StepPhase.COMPLETED) if s in woken else s for s in left]
