"""Networks, and what answers the requests of a search with them."""

from engine.evaluator.evaluator import Evaluator, UniformEvaluator

__all__ = ["Evaluator", "UniformEvaluator"]
