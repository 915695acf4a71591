import math

import numpy as np
import pytest
from scipy.optimize import minimize

from engine.arena.elo import NORMALIZED_PER_SIGMA, score_of_elo
from engine.arena.sprt import (
    CHUNK,
    LOOK_EVERY,
    MODELS,
    Sprt,
    log_likelihood_ratio,
    normal_log_likelihood_ratio,
)
from engine.errors import UserError


def test_likelihood_ratio_of_two_outcomes_in_closed_form() -> None:
    # Pairs of 0 and 2 points alone: the mean is the distribution; the empty classes shift it by a trifle.
    won, lost = 70, 30
    s0, s1 = score_of_elo(0), score_of_elo(20)
    exact = won * math.log(s1 / s0) + lost * math.log((1 - s1) / (1 - s0))
    assert log_likelihood_ratio([lost, 0, 0, 0, won], 0, 20) == pytest.approx(exact, abs=0.02)


def test_likelihood_ratio_agrees_with_the_normal_approximation_near_equality() -> None:
    counts = [1234, 5210, 9870, 5501, 1301]
    exact = log_likelihood_ratio(counts, 0, 5)
    assert exact == pytest.approx(normal_log_likelihood_ratio(counts, 0, 5), rel=2e-3)
    # N (s1 - s0) (2 s - s0 - s1) / (2 variance), by hand.
    pairs = 23116
    mean = (5210 + 2 * 9870 + 3 * 5501 + 4 * 1301) / 4 / pairs
    square = (5210 + 4 * 9870 + 9 * 5501 + 16 * 1301) / 16 / pairs
    s1 = 1 / (1 + 10 ** (-5 / 400))
    by_hand = pairs * (s1 - 0.5) * (2 * mean - 0.5 - s1) / (2 * (square - mean**2))
    assert normal_log_likelihood_ratio(counts, 0, 5) == pytest.approx(by_hand, rel=1e-9)


def test_likelihood_ratio_is_antisymmetric_and_adds_up() -> None:
    counts = [3, 10, 20, 12, 5]
    assert log_likelihood_ratio(counts, 0, 10) == pytest.approx(-log_likelihood_ratio(counts, 10, 0))
    assert log_likelihood_ratio(counts, 0, 10) == pytest.approx(log_likelihood_ratio(counts[::-1], 0, -10))
    twice = [2 * count for count in counts]
    assert log_likelihood_ratio(twice, 0, 10) == pytest.approx(2 * log_likelihood_ratio(counts, 0, 10))


def test_a_few_won_pairs_decide_nothing() -> None:
    test = Sprt(0, 10)
    assert test.bounds == pytest.approx((-2.94444, 2.94444), abs=1e-5)
    assert test.state([0, 0, 0, 0, 3]) == "continue"
    assert test.state([0, 0, 0, 0, 150]) == "accept elo1"
    assert test.state([150, 0, 0, 0, 0]) == "accept elo0"
    assert test.state([0, 0, 0, 0, 0]) == "continue"


@pytest.mark.parametrize(("low", "high"), [(5, 5), (10, 0), (math.nan, 1), (0, math.inf)])
def test_sprt_hypotheses_must_ascend(low: float, high: float) -> None:
    with pytest.raises(UserError, match="lower one first"):
        Sprt(low, high)


def test_sprt_errs_as_rarely_as_it_says() -> None:
    source = np.random.default_rng(5)
    test, wrong = Sprt(0, 100), 0
    for _ in range(100):
        counts, state = np.zeros(5), "continue"
        while state == "continue":
            counts += source.multinomial(8, [0.15, 0.2, 0.3, 0.2, 0.15])
            state = test.state(list(counts))
        wrong += state == "accept elo1"
    assert wrong <= 12


@pytest.mark.parametrize(
    ("pairs", "model", "hypotheses", "wanted"),
    [
        # LL, LD, WL, DD, WD, WW
        ((365, 16618, 36029, 200, 16974, 390), "normalized", (0, 2), 2.25),
        ((127, 4883, 10311, 401, 5150, 104), "normalized", (-1.75, 0.25), 3.01),
        ((223, 9863, 20279, 1000, 10037, 246), "logistic", (0.5, 2.5), -3.07),
        ((871, 26175, 55003, 980, 26678, 821), "logistic", (0, 2), -4.98),
    ],
)
def test_ratios_of_pairs_are_those_of_fastchess(
    pairs: tuple[int, ...], model: str, hypotheses: tuple[float, float], wanted: float
) -> None:
    lost, behind, split, drawn, ahead, won = pairs
    counts = [lost, behind, split + drawn, ahead, won]
    assert Sprt(*hypotheses, model=model).ratio(counts) == pytest.approx(wanted, abs=0.01)


@pytest.mark.parametrize(
    ("games", "model", "hypotheses", "wanted"),
    [
        # wins, losses, draws
        ((36433, 36027, 68692), "normalized", (0, 2), 0.92),
        ((10871, 10650, 20431), "normalized", (-1.75, 0.25), 2.30),
        ((21404, 21184, 40708), "logistic", (0.5, 2.5), -1.57),
        ((57433, 57030, 106593), "logistic", (0, 2), -2.59),
        ((68965, 68526, 128429), "bayesian", (0, 2), -1.26),
        ((21629, 21484, 41111), "bayesian", (0.5, 2.5), -1.13),
        ((1477, 1351, 2942), "cutechess", (0, 10), 2.52),
        ((555, 555, 298), "cutechess", (0, 10), -0.74),
        ((3, 149, 1), "cutechess", (0, 10), -4.69),
    ],
)
def test_ratios_of_games_are_those_of_fastchess_and_cutechess(
    games: tuple[int, int, int], model: str, hypotheses: tuple[float, float], wanted: float
) -> None:
    wins, losses, draws = games
    ratio = Sprt(*hypotheses, model=model).ratio([losses, draws, wins])
    assert ratio == pytest.approx(wanted, abs=0.01)


@pytest.mark.parametrize(
    ("counts", "elo1", "wanted"), [([0, 0, 0, 0, 5550], 5, 111.82), ([0, 0, 4250], 10, 120.56)]
)
def test_ratios_of_a_match_won_throughout(counts: list[int], elo1: float, wanted: float) -> None:
    ratio = Sprt(0, elo1, model="normalized").ratio(counts)
    # fastchess's values come from a root found to 1e-7.
    assert ratio == pytest.approx(wanted, rel=1e-3)
    # In closed form: lost and won alone with mean ½ + t sigma, so ½ + t / (2 sqrt(1 + t²)).
    t = elo1 / NORMALIZED_PER_SIGMA * math.sqrt((len(counts) - 1) // 2)
    assert ratio == pytest.approx(counts[-1] * math.log(1 + t / math.hypot(1, t)), abs=1e-4)


def test_bounds_of_tests() -> None:
    assert Sprt(0, 10, 0.01, 0.01).bounds == pytest.approx((-4.595, 4.595), abs=1e-3)
    assert Sprt(0, 10, 0.05, 0.1).bounds == pytest.approx((math.log(0.1 / 0.95), math.log(0.9 / 0.05)))
    with pytest.raises(UserError, match="wins, draws and losses; pairs it does not"):
        Sprt(0, 10, model="bayesian").ratio([1, 2, 3, 4, 5])


@pytest.mark.parametrize(
    ("alpha", "beta", "model", "message"),
    [
        (0, 0.05, "logistic", "alpha 0 "),
        (0.05, -1, "logistic", "beta -1"),
        (1e-320, 0.05, "logistic", "1e-15 or more"),
        (0.5, 0.5, "logistic", "below 1 together"),
        (math.nan, 0.5, "logistic", "alpha nan"),
        (0.05, 0.05, "wald", "'wald'; known: logistic, normalized"),
    ],
)
def test_a_test_that_is_none_is_refused(alpha: float, beta: float, model: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Sprt(0, 5, alpha, beta, model)
    with pytest.raises(UserError, match="within ±4000"):
        Sprt(0, 5000)


@pytest.mark.parametrize("classes", [3, 5])
@pytest.mark.parametrize("elo", [-700.0, -40.0, 0.0, 3.0, 250.0, 1500.0])
def test_a_normalized_hypothesis_is_the_likeliest_that_keeps_to_it(classes: int, elo: float) -> None:
    scores = np.linspace(0, 1, classes)
    t = elo / NORMALIZED_PER_SIGMA * math.sqrt((classes - 1) // 2)
    sample = np.random.default_rng([3, classes]).dirichlet(np.full(classes, 2.0))

    def sigma(shares: np.ndarray) -> float:
        return float(np.sqrt(shares @ scores**2 - (shares @ scores) ** 2))

    # By a general solver: the most of the log-likelihood under mean - ½ = t sigma.
    start = np.full(classes, 1e-3)
    start[-1] = 0.5 + t / 2 / math.hypot(1, t)
    start[0] = 1 - start[-1]
    found = minimize(
        lambda shares: -sample @ np.log(shares),
        start / start.sum(),
        bounds=[(1e-9, 1)] * classes,
        constraints=[
            {"type": "eq", "fun": lambda shares: shares.sum() - 1},
            {"type": "eq", "fun": lambda shares: shares @ scores - 0.5 - t * sigma(shares)},
        ],
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 1000},
    )
    assert found.success
    ratio = log_likelihood_ratio(1e6 * sample, elo, elo + 1e-9, "normalized")
    assert abs(ratio) < 1
    wanted = float(sample @ np.log(sample) + found.fun)
    # Against the sample's own normalized Elo, whose likeliest distribution is the sample.
    own = (sample @ scores - 0.5) / sigma(sample) / math.sqrt((classes - 1) // 2) * NORMALIZED_PER_SIGMA
    assert log_likelihood_ratio(1e6 * sample, elo, own, "normalized") / 1e6 == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_ratios_of_whatever_counts_are_finite(model: str) -> None:
    source = np.random.default_rng(1)
    counts = np.floor(10 ** source.uniform(-2, 9, (400, 3)))
    for elo0, elo1 in ((-4000, 4000), (-1, 1), (3999, 4000), (0, 1e-9)):
        assert np.isfinite(log_likelihood_ratio(counts, elo0, elo1, model)).all()
    counts = np.floor(10 ** source.uniform(-2, 6, (400, 3)))
    for elo0, elo1 in ((-50, 80), (-1, 1), (2, 5)):
        ratios = log_likelihood_ratio(counts, elo0, elo1, model)
        mirrored = log_likelihood_ratio(counts[:, ::-1], -elo1, -elo0, model)
        assert ratios == pytest.approx(-mirrored, rel=1e-6, abs=1e-4)
    assert log_likelihood_ratio(np.zeros((2, 3)), 0, 5, model) == pytest.approx([0, 0])


def test_a_decision_is_at_the_first_look_that_crosses_a_bound() -> None:
    source = np.random.default_rng(4)
    kinds = [int(kind) for kind in source.choice(5, 3000, p=[0.05, 0.2, 0.4, 0.25, 0.1])]
    test = Sprt(0, 20)
    number = test.decided_at(kinds, [0] * 5)
    assert number is not None
    assert number % LOOK_EVERY == 0
    counts = [0] * 5
    for index, kind in enumerate(kinds[:number], start=1):
        counts[kind] += 1
        if index % LOOK_EVERY == 0:
            assert (test.state(counts) == "continue") == (index < number)
    assert test.decided_at(kinds[: number - 1], [0] * 5) is None
    assert test.decided_at([], [0] * 5) is None
    half = number - number % (2 * LOOK_EVERY) - LOOK_EVERY
    first = [kinds[:half].count(kind) for kind in range(5)]
    assert test.decided_at(kinds[half:], first) == number - half
    late = Sprt(0, 3)
    fair = [int(kind) for kind in source.choice(5, 60_000, p=[0.1, 0.2, 0.4, 0.2, 0.1])]
    end = late.decided_at(fair, [0] * 5)
    assert end is not None
    assert end > 2 * CHUNK
    assert late.state([fair[:end].count(kind) for kind in range(5)]) == "accept elo0"


MATCHES = 2000


def decisions(test: Sprt, chances: list[float], seed: int, every: int = 1) -> tuple[float, float, float]:
    """Shares of MATCHES simulated matches that accept elo0 and elo1, and the mean length.

    Looked at after every so many pairs or games, as players that play side by side are.
    """
    source = np.random.default_rng(seed)
    counts = np.zeros((MATCHES, len(chances)))
    state = np.zeros(MATCHES, dtype=int)
    length = np.zeros(MATCHES)
    running = np.arange(MATCHES)
    low, high = test.bounds
    while len(running):
        counts[running] += source.multinomial(every, chances, size=len(running))
        length[running] += every
        ratios = log_likelihood_ratio(counts[running], test.elo0, test.elo1, test.model)
        state[running] = (ratios >= high).astype(int) - (ratios <= low)
        running = running[state[running] == 0]
    return float((state < 0).mean()), float((state > 0).mean()), float(length.mean())


def tilted(chances: list[float], mean: float) -> list[float]:
    """The distribution of the kind p_i exp(x i) with a mean score."""
    scores, shares = np.linspace(0, 1, len(chances)), np.array(chances)
    low, high = -60.0, 60.0
    for _ in range(200):
        x = (low + high) / 2
        found = shares * np.exp(x * scores)
        found /= found.sum()
        low, high = (x, high) if found @ scores < mean else (low, x)
    return list(found)


KINDS = {
    "decisive pairs": [0.2, 0.15, 0.3, 0.15, 0.2],
    "drawn pairs": [0.01, 0.14, 0.7, 0.14, 0.01],
    "games": [0.3, 0.4, 0.3],
}


def both_errors(test: Sprt, kind: str, every: int) -> tuple[float, float]:
    """Shares of false decisions where elo0 and where elo1 holds."""
    errors = []
    for elo, accepted in ((test.elo0, 1), (test.elo1, 0)):
        chances = KINDS[kind]
        mean = score_of_elo(elo)
        if test.model == "normalized":
            scores = np.linspace(0, 1, len(chances))
            unit = NORMALIZED_PER_SIGMA / math.sqrt((len(chances) - 1) // 2)
            for _ in range(50):
                found = np.array(tilted(chances, mean))
                sigma = math.sqrt(found @ scores**2 - (found @ scores) ** 2)
                mean = 0.5 + elo / unit * sigma
        shares = decisions(test, tilted(chances, mean), seed=7, every=every)
        assert sum(shares[:2]) == pytest.approx(1)
        errors.append(shares[accepted])
    return errors[0], errors[1]


@pytest.mark.slow
@pytest.mark.parametrize("every", [LOOK_EVERY, 16])
@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("logistic", "decisive pairs"),
        ("logistic", "drawn pairs"),
        ("logistic", "games"),
        ("normalized", "decisive pairs"),
        ("normalized", "drawn pairs"),
        ("normalized", "games"),
        ("cutechess", "games"),
    ],
)
def test_false_decisions_stay_within_alpha_and_beta(model: str, kind: str, every: int) -> None:
    test = Sprt(0, 40, 0.05, 0.1, model)
    false_positives, false_negatives = both_errors(test, kind, every)
    assert false_positives <= test.alpha
    assert false_negatives <= test.beta
