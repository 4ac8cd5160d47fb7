"""What is read over and over: asked for together, and kept as it was written for its readers."""

from execution_broker.services.reading.keeping import KeptAnswers
from execution_broker.services.reading.of_offersets import ReadOfferSets
from execution_broker.services.reading.of_sessions import ReadSessions
from execution_broker.services.reading.readings import Knows, Readings, Shown, knows_nothing

__all__ = [
    "KeptAnswers",
    "Knows",
    "ReadOfferSets",
    "ReadSessions",
    "Readings",
    "Shown",
    "knows_nothing",
]
