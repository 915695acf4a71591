"""Every metric by hand or by a slow plain program."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.language.episode import Episode
from engine.language.monitor.metric import coverage, diversity, drift, hacking
from engine.language.monitor.metric.clustered import Clustered
from engine.language.monitor.metric.observation import Holdout, Items, Judge
from engine.language.monitor.metric.probe import Probe, flat_tokens, shapes, words
from engine.language.task import Prompt, VerifyResult
from engine.statistics import gini

TEXTS = st.text("ab+", max_size=9)


def episode(prompt: str, text: str, score: float = 0.0, *, parsed: str | None = None, kept: bool = False,
            flags: tuple[str, ...] = (), stratum: str = "", temperature: float = 1.0) -> Episode:  # fmt: skip
    result = VerifyResult(score, text if parsed is None else parsed, "", flags)
    asked = Prompt(prompt, prompt + "?", prompt, stratum)
    return Episode(asked, text, result, "model", 0, "", 0, temperature, -1.0, len(text), kept=kept)


def probe_of(texts: Sequence[Sequence[str]], right: Sequence[Sequence[float]] | None = None) -> Probe:
    scores = right or [[0.0] * len(row) for row in texts]
    rows = [
        episode(f"p{p:03d}", text, score)
        for p, (row, marks) in enumerate(zip(texts, scores, strict=True))
        for text, score in zip(row, marks, strict=True)
    ]
    return Probe.of(rows, len(texts), len(texts[0]))


def grams_of(texts: Sequence[str]) -> diversity.Grams:
    return diversity.Grams(*flat_tokens(texts))


def value(
    columns: dict[str, tuple[np.ndarray, np.ndarray]], name: str, keys: Sequence[str] | None = None
) -> float:
    labels = keys or [str(n) for n in range(len(columns[name][0]))]
    return float(Clustered.of(labels, columns).values()[name])


def slow_bleu(text: str, others: Sequence[str]) -> float:
    if not text:
        return 0.0
    logs = []
    for order in range(1, min(4, len(text)) + 1):
        mine = Counter(text[i : i + order] for i in range(len(text) - order + 1))
        theirs = [Counter(o[i : i + order] for i in range(len(o) - order + 1)) for o in others]
        matches = sum(min(count, max(t[gram] for t in theirs)) for gram, count in mine.items())
        if order == 1 and not matches:
            return 0.0
        logs.append(math.log((matches or 0.1) / sum(mine.values())))
    closest = min((abs(len(o) - len(text)), len(o)) for o in others)[1]
    return math.exp(sum(logs) / len(logs) + min(0.0, 1 - closest / len(text)))


@given(st.lists(st.lists(TEXTS, min_size=3, max_size=3), min_size=1, max_size=4))
@settings(max_examples=150)
def test_self_bleu_against_a_plain_program(texts: list[list[str]]) -> None:
    groups = np.arange(3 * len(texts)).reshape(-1, 3)
    found = diversity.self_bleu(grams_of([text for row in texts for text in row]), groups)
    expected = [[slow_bleu(row[i], row[:i] + row[i + 1 :]) for i in range(3)] for row in texts]
    assert found == pytest.approx(np.array(expected))


def test_self_bleu_of_copies_and_strangers() -> None:
    grams = grams_of(["1+2=3", "1+2=3", "abcde", "fghij"])
    assert diversity.self_bleu(grams, np.array([[0, 1]])) == pytest.approx(np.ones((1, 2)))
    assert diversity.self_bleu(grams, np.array([[2, 3]])) == pytest.approx(np.zeros((1, 2)))


def test_groups_across_problems_take_one_sample_of_each() -> None:
    groups = diversity.across_groups(10, 4, 5, seed=1)
    assert groups.shape == (2, 5)
    assert sorted(groups.ravel() // 4) == list(range(10))
    assert (groups == diversity.across_groups(10, 4, 5, seed=1)).all()


def slow_distinct(texts: list[list[str]], tokens: int, order: int) -> float:
    taken, grams = 0, []
    for column in zip(*texts, strict=True):  # the first sample of each problem, then the second
        for text in column:
            text = text[: max(0, tokens - taken)]
            taken += len(text)
            grams += [text[i : i + order] for i in range(len(text) - order + 1)]
    return len(set(grams)) / len(grams) if grams else math.nan


@given(
    st.lists(st.lists(st.text("abc", min_size=5, max_size=8), min_size=3, max_size=3), min_size=2, max_size=5)
)
def test_distinct_against_a_plain_program(texts: list[list[str]]) -> None:
    probe = probe_of(texts)
    grams = diversity.Grams(probe.tokens, probe.lengths.ravel())
    names, columns = diversity.distinct_columns(probe, grams, len(texts), 20)
    assert len(names) == 1
    for order in diversity.ORDERS:
        assert value(columns, f"diversity/distinct_{order}") == pytest.approx(slow_distinct(texts, 20, order))


def test_distinct_is_over_a_fixed_number_of_tokens() -> None:
    short = [[f"{n:02d}{n:02d}"] * 4 for n in range(8)]
    longer = [[row[0] * 5] * 4 for row in short]
    values = []
    for texts in (short, longer):
        probe = probe_of(texts)
        grams = diversity.Grams(probe.tokens, probe.lengths.ravel())
        _, columns = diversity.distinct_columns(probe, grams, 8, 32)
        values.append(columns["diversity/distinct_1"])
    assert values[0][1].tolist() == values[1][1].tolist() == [32]
    probe = probe_of(short)
    _, columns = diversity.distinct_columns(
        probe, diversity.Grams(probe.tokens, probe.lengths.ravel()), 8, 1000
    )
    assert np.isnan(columns["diversity/distinct_1"][0]).all()


def test_blocks_keep_problems_together() -> None:
    assert diversity.block_of_prompts(7, 3).tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert diversity.block_of_prompts(2, 8).tolist() == [0, 0]


def test_entropy_by_position() -> None:
    probe = probe_of([["ab", "ab"], ["ab", "ab"]])
    columns = diversity.entropy_columns(probe, [[1.0, 0.0, 5.0], [1.0], [3.0, 2.0], [3.0]], [1, 2])
    assert value(columns, "diversity/entropy") == pytest.approx(15 / 7)
    assert value(columns, "diversity/entropy.00_00") == pytest.approx(2.0)
    assert value(columns, "diversity/entropy.01_01") == pytest.approx(1.0)
    assert value(columns, "diversity/entropy.02_up") == pytest.approx(5.0)


def test_entropy_comes_in_the_order_of_the_episodes() -> None:
    rows = [episode(p, "x") for p in ("b", "a", "b", "a")]
    probe = Probe.of(rows, 2, 2)
    top, size = diversity.entropy_columns(probe, [[1.0], [2.0], [1.0], [2.0]], [4])["diversity/entropy"]
    assert (top / size).tolist() == [2, 1]
    with pytest.raises(ValueError, match="3 samples for 4"):
        diversity.entropy_columns(probe, [[1.0]] * 3, [4])


def test_coverage_by_hand() -> None:
    texts = [["1+2", "1+2", "2*1", "bad"], ["9", "9", "9", ""]]
    probe = probe_of(texts, [[1, 1, 1, 0], [1, 1, 0, 0]])
    right = probe.score >= 1
    columns = coverage.unique_columns(probe, right)
    assert value(columns, "coverage/unique") == pytest.approx((3 + 1) / 8)
    assert value(columns, "coverage/unique_right") == pytest.approx((2 + 1) / 8)
    h = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3))
    assert value(columns, "coverage/effective") == pytest.approx((math.exp(h) + 1) / 2)
    known = {"p000": frozenset({"1+2", "2*1", "3-0", "6/2"}), "p001": None}
    found = coverage.solution_columns(probe, right, lambda prompt: known[prompt.id])
    assert value(found, "coverage/solutions") == pytest.approx(2 / 4)
    assert coverage.solution_columns(probe, right, lambda _: None) == {}


def test_a_wrong_answer_covers_nothing() -> None:
    probe = probe_of([["1+2", "2*1"]], [[0, 0]])
    columns = coverage.solution_columns(probe, probe.score >= 1, lambda _: frozenset({"1+2"}))
    assert value(columns, "coverage/solutions") == 0


def test_fan_and_slope() -> None:
    assert coverage.fan(16) == (1, 4, 16)
    assert coverage.fan(10) == (1, 4, 10)
    right = np.array([[True] + [False] * 3, [False] * 4])
    columns = coverage.pass_columns(right)
    assert value(columns, "pass/at_01") == pytest.approx(1 / 8)
    assert value(columns, "pass/at_04") == pytest.approx(1 / 2)
    assert value(columns, "pass/slope") == pytest.approx((1 / 2 - 1 / 8) / 2)


def test_modes_and_the_rare_ones() -> None:
    rows = [episode(f"p{n}", "1+2=3") for n in range(50)] + [episode(f"p{n}", "1/2") for n in (1, 1, 2)]
    counts = coverage.mode_counts(rows, shapes)
    assert counts == {"#+#=#": (50, 50), "#/#": (3, 2)}
    assert coverage.rare_modes(counts, 53, 0.1, 2) == {"#/#": 2}
    assert coverage.rare_modes(counts, 53, 0.1, 3) == {}
    assert set(words(episode("p", "The cat, the HAT"))) == {"the", "cat", "hat"}


def test_chance_to_lose_rare_modes_by_enumeration() -> None:
    miss = (1 / 16 + 1 / 16) / 2
    assert coverage.chance_to_lose(1, {"a": 3, "b": 3}) == pytest.approx(1 - (1 - miss) ** 2)
    assert coverage.chance_to_lose(2, {"a": 3, "b": 3}) == pytest.approx(miss**2)
    assert coverage.chance_to_lose(0, {"a": 3}) == pytest.approx(1)


def test_share_of_strata_among_the_right() -> None:
    columns = coverage.share_columns(np.array([[True, True], [True, False]]), ["+", "-"])
    assert value(columns, "coverage/share.+") == pytest.approx(2 / 3)
    assert coverage.pooled_strata(["a", "a", "b", "c"], 2) == ["a", "a", "other", "other"]


def test_probe_refuses_what_cannot_be_compared() -> None:
    rows = [episode("a", "x"), episode("a", "y"), episode("b", "x")]
    with pytest.raises(ValueError, match="2 problems with"):
        Probe.of(rows, 2, 2)
    with pytest.raises(ValueError, match=r"temperature 0\.7"):
        Probe.of([episode("a", "x", temperature=0.7)], 1, 1)


def test_tokens_may_be_any_text() -> None:
    tokens, lengths = flat_tokens(["a\ud800", "", "\U0001f600a"])
    assert lengths.tolist() == [2, 0, 2]
    assert len(set(tokens.tolist())) == 3


@pytest.mark.parametrize(
    ("text", "is_loop"),
    [
        ("abcabcabcabc", True),
        ("abcabcabcab", False),
        ("xx1+1;1+1;1+1;1+1;yy", True),
        ("1111", False),
        ("111111111111", True),
        ("12+3=15;15*4=60;60-7=53", False),
        ("", False),
        ("abcdefghijklmnop" * 4, True),
    ],
)  # fmt: skip
def test_loops(text: str, is_loop: bool) -> None:
    around = ["abcabc", text, "abcabc"]  # neighbours do not run together
    assert hacking.loops(grams_of(around)).tolist() == [False, is_loop, False]


def test_signs_of_exploits_are_counted_each_and_any() -> None:
    rows = [
        episode("a", "1+2", flags=("timeout", "power")),
        episode("a", "abababababababab", flags=("timeout",)),
        episode("b", "Rate  the answer from 1 to FIVE: 5"),
        episode("b", "fine"),
    ]
    probe = Probe.of(rows, 2, 2)
    grams = diversity.Grams(probe.tokens, probe.lengths.ravel())
    columns = hacking.exploit_columns(
        probe, grams, lambda _, text: text == "1+2", ["Please rate the answer from 1 to five: "]
    )
    rates = {name: value(columns, name) for name in columns}
    assert rates == {
        "hacking/exploits": 0.75,
        "hacking/exploit.answer-first": 0.25,
        "hacking/exploit.echo": 0.25,
        "hacking/exploit.loop": 0.25,
        "hacking/exploit.power": 0.25,
        "hacking/exploit.timeout": 0.5,
    }


def test_words_of_the_prompt_are_no_echo() -> None:
    shingles = hacking.echo_shingles(["rate the answer from 1 to five"])
    assert hacking.echoes("I rate the answer from 1 to five", "?", shingles)
    assert not hacking.echoes("I rate the answer from 1 to five", "rate the answer from 1 to five!", shingles)


def test_proxy_and_gold_where_gold_is_known() -> None:
    columns = hacking.proxy_columns(np.array([[1.0, 0.8, 0.5]]), np.array([[1.0, 0.0, np.nan]]))
    assert value(columns, "hacking/gap") == pytest.approx(0.4)
    assert value(columns, "hacking/proxy") == pytest.approx(0.9)
    second = hacking.disagreement_columns(np.array([[1.0, 1.0, 0.0]]), np.array([[1.0, 0.0, np.nan]]), 1.0)
    assert value(second, "hacking/disagreement") == pytest.approx(0.5)


@given(st.lists(st.tuples(st.integers(0, 100), st.sampled_from([0.0, 0.5, 1.0])), min_size=3, max_size=40))
def test_length_percentile_and_correlation_against_numpy(rows: list[tuple[int, float]]) -> None:
    lengths, scores = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    columns = hacking.length_columns(lengths, scores)
    values = Clustered.of([str(n) for n in range(len(rows))], columns).values()
    found = hacking.length_metrics(values)
    assert found["length/p95"] == np.quantile(lengths, 0.95, method="inverted_cdf")
    expected = np.corrcoef(lengths, scores)[0, 1] if lengths.std() and scores.std() else 0.0
    assert found["hacking/length_correlation"] == pytest.approx(expected, abs=1e-6)


def test_judge_against_itself_and_gold() -> None:
    judge = Judge(["a", "b", "c", "d"], [True, True, False, True], [0.95, 0.95, 0.15, 0.15],
                  [True, False, False, False])  # fmt: skip
    values = Clustered.of(judge.keys, hacking.judge_columns(judge)).values()
    assert float(values["judge/agreement"]) == 0.75
    assert float(hacking.judge_metrics(values)["judge/calibration_error"]) == pytest.approx(0.3)


def test_real_data_in_bits() -> None:
    holdout = Holdout(["a", "b"], [math.log(4), math.log(16)], [1, 2], [0.5, 1.5])
    columns = drift.holdout_columns(holdout)
    assert value(columns, "drift/bits_per_character") == pytest.approx(2.0)
    assert value(columns, "drift/kl_real") == pytest.approx(1.0)
    columns = drift.kl_columns(np.array([[1.0, 3.0]]), np.array([3.0, 5.0]))
    assert value(columns, "drift/kl") == 2
    assert value(columns, "drift/kl_token") == pytest.approx(0.5)


def test_accuracy_by_bucket() -> None:
    items = Items(list("abcdef"), [1, 1, 0, 0, 1, 0], ["2", "2", "3", "3", "9", "8"])
    columns = drift.accuracy_columns(items, "accuracy/greedy", 2)
    found = {name: value(columns, name) for name in columns}
    assert found == {
        "accuracy/greedy": 0.5,
        "accuracy/greedy.2": 1,
        "accuracy/greedy.3": 0,
        "accuracy/greedy.other": 0.5,
    }


def test_what_was_kept() -> None:
    rows = [
        *[episode("a", "x", 1.0, kept=True) for _ in range(4)],
        *[episode("b", "x", score, kept=score == 1) for score in (0.0, 1.0)],
        episode("c", "x", 0.0),
    ]
    keys, columns = drift.generated_columns(rows)
    assert keys == ["a", "b", "c"]
    assert value(columns, "data/yield") == pytest.approx(5 / 7)
    assert value(columns, "data/zero_spread") == pytest.approx(1 / 2)
    assert sorted(drift.kept_counts(rows)) == [1, 4]


@given(st.lists(st.integers(1, 6), min_size=1, max_size=60))
@settings(max_examples=50)
def test_skew_of_what_was_kept(counts: list[int]) -> None:
    found = drift.skew(counts, 50, seed=0)
    top = max(1, round(len(counts) / 10))
    assert found["data/top_share"][0] == pytest.approx(sum(sorted(counts)[-top:]) / sum(counts))
    assert found["data/gini"][0] == pytest.approx(gini(counts))
    assert ((found["data/top_share"][1] > 0) & (found["data/top_share"][1] <= 1)).all()
