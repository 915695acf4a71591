"""Self-play with tree search: game, search, selfplay, replay, learner, checkpoint, arena."""

import os

# Threads of a training step sleep while they wait for each other instead of spinning: a few percent
# slower on an idle machine, several times faster where another process wants a core. Read once, when
# torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
