"""Networks, and what answers the requests of a search with them."""

import sys

from engine.evaluator.evaluator import Evaluator, UniformEvaluator

__all__ = ["Evaluator", "UniformEvaluator"]

# At its import OpenVINO reports to a web service, by a fork of this process, and the end of the process waits
# for that. Where the module that does it cannot be imported, as here, OpenVINO goes on without.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
