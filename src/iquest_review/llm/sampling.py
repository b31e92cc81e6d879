"""How a model is to draw its answer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the answer is drawn."""

    temperature: float
    top_p: float
    max_tokens: int
