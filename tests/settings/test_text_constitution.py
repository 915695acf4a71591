"""What the settings of constitutional methods do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from shown import TEXT, shows
from text_runs import Run, Seen, text_run

__all__ = ["text_run"]

shows = partial(shows, of=TEXT)

FORM = """
[form]
critique = "{prompt}{completion};{critique_request}="
revision = "{prompt}{completion};{critique_request}={critique};"
choice = "{prompt}{first};{second};{choice_request}="
thought = "{prompt}{first};{second};{choice_request};"
verdict = "{prompt}{first};{second};{choice_request};{thought}="
answers = ["a", "b"]
"""
SPOKEN = '[[principle]]\nname = "spoken"\ncritique = "1"\nrevision = "2"\n'

Written = Callable[[str], str]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """The path of a constitution with these principles."""

    def write(principles: str) -> str:
        path = tmp_path / f"constitution-{len(list(tmp_path.iterdir()))}.toml"
        path.write_text(FORM + principles)
        return str(path)

    return write


def run(text_run: Run, path: str, *phases: str, **settings: Any) -> Seen:
    """A run of some phases by a constitution; whatever it writes is learnt."""
    own = {key if "__" in key else f"constitution__{key}": value for key, value in settings.items()}
    chosen = phases or ("revise",)
    return text_run(
        "constitutional",
        **{
            "constitution__path": path,
            "constitution__phases": list(chosen),
            "constitution__revisions": 2,
            "constitution__preference_steps": 3,
            "filter__thresholds": [0.0],
            "loop__iterations": len(chosen),
            **own,
        },
    )


def revisions(seen: Seen) -> list[str]:
    return [episode.completion for episode in seen.episodes if episode.source == "revision"]


def notes(seen: Seen) -> list[list[str]]:
    """What was said to each revision."""
    return [
        [part for part in episode.result.reason.split(" | ") if part.startswith("spoken")]
        for episode in seen.episodes
        if episode.source == "revision"
    ]


@shows("constitution.path")
def test_replies_keep_the_rules_of_the_file(text_run: Run, written: Written) -> None:
    for letter in "ab":
        path = written(f'[[principle]]\nname = "none"\nforbid = "{letter}"\n')
        seen = text_run(
            "constitutional",
            constitution__path=path,
            constitution__phases=["revise"],
            filter__thresholds=[0.0],
            seed=ord(letter),
        )
        drafts = [episode.completion for episode in seen.episodes if episode.source == "model"]
        without = sum(letter not in text for text in revisions(seen))
        assert without > sum(letter not in text for text in drafts)
        assert seen.metrics[-1]["constitution/broken_revisions"] == pytest.approx(1 - without / len(drafts))


@shows("constitution.phases")
def test_an_iteration_is_a_phase(text_run: Run, written: Written) -> None:
    path = written(SPOKEN)
    both = run(text_run, path, "revise", "prefer")
    assert [("constitution/agreement" in line) for line in both.metrics] == [False, False, True]
    assert {episode.source for episode in both.episodes if episode.iteration == 1} == {"model", "revision"}
    assert {episode.source for episode in both.episodes if episode.iteration == 2} == {"model"}
    assert (both.path / "checkpoints" / "000002" / "preference").is_dir()
    alone = run(text_run, path, "prefer")
    assert "constitution/agreement" in alone.metrics[1]
    assert bool((alone.weights(1) == alone.weights(0)).all()), "the policy stays what it was"
    assert not bool((both.weights(1) == both.weights(0)).all())


@shows("constitution.revisions")
def test_a_reply_is_revised_so_often(text_run: Run, written: Written) -> None:
    path = written(SPOKEN)
    for rounds in (1, 3):
        assert {len(each) for each in notes(run(text_run, path, revisions=rounds))} == {rounds}


@shows("constitution.temperature")
def test_critiques_are_as_hot_as_asked_for(text_run: Run, written: Written) -> None:
    path = written(SPOKEN)
    cold, hot = (
        {said for each in notes(run(text_run, path, temperature=heat)) for said in each}
        for heat in (0.0, 2.0)
    )
    assert len(cold) < len(hot)


@shows("constitution.learning_rate")
def test_revisions_are_learnt_at_a_rate_of_their_own(text_run: Run, written: Written) -> None:
    path = written(SPOKEN)
    slow, fast = (run(text_run, path, learning_rate=rate) for rate in (1e-5, 1e-2))
    moved = [(seen.weights(1) - seen.weights(0)).norm() for seen in (slow, fast)]
    assert moved[0] < 0.1 * moved[1]
    assert bool((slow.weights(0) == fast.weights(0)).all())


@shows("constitution.drafts")
def test_earlier_revisions_are_learnt_too(text_run: Run, written: Written) -> None:
    path = written(SPOKEN)
    last, every = (
        run(text_run, path, drafts=drafts, revisions=4, temperature=2.0) for drafts in (False, True)
    )
    assert len(revisions(last)) == sum(episode.source == "model" for episode in last.episodes)
    assert len(revisions(every)) > len(revisions(last))


def preferring(text_run: Run, path: str, **settings: Any) -> Seen:
    return run(text_run, path, "prefer", **settings)


@shows("constitution.feedback")
def test_another_model_may_choose(text_run: Run, written: Written) -> None:
    path = written(SPOKEN)
    own = preferring(text_run, path)
    other = str(text_run(model__steps=30, loop__iterations=0).path)
    told = preferring(text_run, path, feedback=other)
    assert own.last("constitution/position") != told.last("constitution/position")
    assert own.texts == told.texts


@shows("constitution.labels=soft", "constitution.labels=hard")
def test_labels_are_probabilities_or_certain(text_run: Run, written: Written) -> None:
    path = written(SPOKEN)
    soft, hard = (preferring(text_run, path, labels=labels, helpful=0.0) for labels in ("soft", "hard"))
    assert soft.last("constitution/sure") == hard.last("constitution/sure")
    assert soft.last("loss/reward") != hard.last("loss/reward")


@shows("constitution.thought", "constitution.clamp.0", "constitution.clamp.1")
def test_a_thought_is_written_and_what_follows_it_is_cut(text_run: Run, written: Written) -> None:
    path = written(SPOKEN)
    plain = preferring(text_run, path)
    thought = preferring(text_run, path, thought=True)
    assert thought.last("speed/tokens") > plain.last("speed/tokens")
    cut = preferring(text_run, path, thought=True, clamp=[0.5, 0.5])
    assert cut.last("constitution/sure") == 0
    low, high = (preferring(text_run, path, thought=True, clamp=clamp) for clamp in ([0, 0.5], [0.5, 1]))
    assert low.last("constitution/sure") != high.last("constitution/sure")


@shows("constitution.helpful")
def test_some_preferences_are_of_what_was_asked(text_run: Run, written: Written) -> None:
    path = written(SPOKEN)
    none, some = (preferring(text_run, path, helpful=share) for share in (0.0, 0.4))
    assert none.last("constitution/helpful") == 0
    assert 0 < some.last("constitution/helpful") <= 0.45


@shows("constitution.held_out")
def test_preferences_are_held_out(text_run: Run, written: Written) -> None:
    path = written(SPOKEN)
    none, some = (preferring(text_run, path, held_out=share) for share in (0.0, 0.5))
    assert "reward/held_out" not in none.metrics[-1]
    assert some.last("reward/held_out") > 0
    assert some.last("reward/comparisons") < none.last("reward/comparisons")


@shows("constitution.preference_steps", "constitution.preference_rate")
def test_the_preference_model_takes_its_own_steps(text_run: Run, written: Written) -> None:
    path = written(SPOKEN)
    few, many = (preferring(text_run, path, preference_steps=steps) for steps in (2, 5))
    assert [seen.last("loss/steps") for seen in (few, many)] == [2, 5]
    slow, fast = (preferring(text_run, path, preference_rate=rate) for rate in (1e-6, 1e-1))
    assert slow.last("loss/reward") != fast.last("loss/reward")


REINFORCED: dict[str, Any] = {
    "policy__groups": 4,
    "policy__updates": 1,
    "policy__minibatches": 1,
    "sample__samples": 2,
}


@shows("constitution.policy_steps")
def test_reinforcement_takes_its_own_steps(text_run: Run, written: Written) -> None:
    path = written(SPOKEN)
    few, many = (
        run(text_run, path, "prefer", "reinforce", policy_steps=steps, **REINFORCED) for steps in (2, 5)
    )
    assert [seen.last("loss/steps") for seen in (few, many)] == [2, 5]
    assert len(few.episodes) < len(many.episodes)
    assert not bool((few.weights(2) == few.weights(1)).all())


@shows("constitution.policy_real")
def test_real_data_that_keeps_the_rules_joins_reinforcement(text_run: Run, written: Written) -> None:
    def end(rule: str, share: float) -> Any:
        principles = f'{SPOKEN}[[principle]]\nname = "rule"\n{rule}\n'
        settings = {**REINFORCED, "policy_steps": 2, "policy_real": share}
        return run(text_run, written(principles), "prefer", "reinforce", **settings).weights(2)

    kept = "pattern = '[abc;]*'"
    assert not bool((end(kept, 0.0) == end(kept, 0.5)).all())
    refused = "pattern = 'x'"
    assert bool((end(refused, 0.0) == end(refused, 0.5)).all()), "all real data breaks it, and none joins"


@shows("constitution.checked")
def test_a_reply_is_checked_by_so_many_rules(text_run: Run, written: Written) -> None:
    rules = '[[principle]]\nname = "first"\nmax_length = 1000\n[[principle]]\nname = "last"\npattern = "no"\n'
    path = written(rules)
    one, two = (run(text_run, path, checked=count) for count in (1, 2))
    assert one.last("constitution/broken") == 0
    assert two.last("constitution/broken") == 1
