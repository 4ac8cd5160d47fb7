"""The simulated platform: it has whatever the configuration says, and runs nothing."""

from execution_broker.platforms.simulated.platform import SimulatedPlatform

__all__ = ["SimulatedPlatform"]
