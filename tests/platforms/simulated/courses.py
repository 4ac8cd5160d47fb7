"""What is run on simulated platforms, and how."""

from collections.abc import Callable

from execution_broker.models.executable import DockerContainer, Image
from execution_broker.platforms.simulated.platform import SimulatedPlatform
from execution_broker.testing.course import Course

Make = Callable[..., SimulatedPlatform]


def container(**environment: str) -> DockerContainer:
    return DockerContainer(
        image=Image(locations=("simulated://busy",)), environment=dict(environment)
    )


async def outcome(course: Course, what: str, key: str) -> object:
    """What one call answers."""
    return await getattr(course._make(), what)(course.order(key))
