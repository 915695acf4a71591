"""Self-play with tree search: game, search, selfplay, replay, learner, checkpoint, arena.

What may be imported from outside stands in PUBLIC; all else may move.
"""

import os

# Threads of a training step sleep while they wait for each other instead of spinning: a few percent
# slower on an idle machine, several times faster where another process wants a core. Read once, when
# torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

FOR_GAMES = {
    "engine._core": "",
    "engine.errors": "InputError UserError",
    "engine.game": "PythonGame PythonState board_symmetries",
    "engine.game.inquiry": "describe",
    "engine.game.offer": "OFFERS Solver",
    "engine.numba_game": "NumbaGame Rules",
    "engine.truth": "ILLEGAL TruthSet",
}
"""Modules that a game needs, and their names that stay; those of the C++ core are all in engine/_core.pyi."""

FOR_RECORDS = FOR_GAMES | {
    "engine.game.drawing": "Drawing read_drawing",
    "engine.registry": "GROUP game_names load_game position_text",
}
"""The same for what takes games by name: readers of records, environments."""

FOR_TASKS = FOR_RECORDS | {
    "engine.language.task": "Demonstration Prompt Split Task VerifyResult split_of text_flags",
    "engine.sandbox": "Limits Program Result Returned Sandbox Status printable same status",
}
"""The same for text tasks."""

PUBLIC = FOR_TASKS | {
    "engine.config": "Config build_config",
    "engine.evaluator": "Evaluator UniformEvaluator",
    "engine.player": "Analysis Player find_game load_player",
    "engine.search": "search search_params",
}
"""The same for programs."""
