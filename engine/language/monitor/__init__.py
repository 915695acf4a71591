"""Monitors of the loop on text: collapse, reward hacking and drift, measured each iteration and acted on.

Metrics are called `group/name`; TensorBoard shows one section a group:

    pass/       pass@k of the probe
    accuracy/   held-out problems, greedily: in all, by skill, on variations
    coverage/   solutions still found, their effective number, rare modes, shares of strata
    diversity/  distinct n-grams, self-BLEU, token entropy by position
    hacking/    gold, proxy and their gap, disagreement of verifiers, signs of exploits, score by length
    judge/      agreement with itself, calibration
    drift/      bits a character on real data, KL from the first model or the first one trained
    length/     mean and 95th percentile
    data/       yield, skew of what is kept, problems without signal, real fraction, overlap
    gate/       the new model against the old
    oversight/  iterations since a human looked
    guard/      what guards would have done, where they only observe
    alarm/      alarms of the iteration by level, and the worst
"""
