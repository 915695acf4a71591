"""The run directory of both loops: what lies where, in which order it is written, what a crash leaves.

    RUN/config.toml           settings and versions; config.original.toml is a copy, to put back
        manifest/000042.json  the files that exist since this commit, with SHA-256, and the settings
        manifest/000042.begun there while commit 42 is under way
        checkpoints/000042/   what training and play go on from; state.json says what it is
        replay/000042.parquet what was played or written, a row a game or an episode
        games/000042.sgf      a sample of it, for people
        metrics.jsonl  tb/    one line an iteration, and the same in TensorBoard
        quarantine/           what was damaged, and what no manifest names though it may be the only copy
        LOCK                  held by the one process that writes; whoever reads takes no lock

A commit is written in this order: the mark that announces it, the line of metrics and the sample, the shard,
the files of the checkpoint, state.json last of them, the manifest. Each is on disk before the next is begun
(engine.run.storage; a model's folder by engine.run.local_disk). The manifest is the commit: a file that none
names does not exist. Then goes what only older manifests named, and the mark.

So a crash at any moment leaves the commit before or the new one, whole. Beside it may lie what a commit under
way has written. Its mark tells that from files whose manifest was lost: the next writer removes the former
and sets the latter aside (engine.run.sweep), or refuses a run with files of commits and no manifest at all.
Where a file of the newest commit is damaged the one before counts, which is kept for that. metrics.jsonl is
cut back to the commit that counts.
"""
