"""Reward models: Bradley-Terry on comparisons that come of verdicts, or of a person's file.

settings    what is compared, and how many models judge together
comparison  comparisons of a model's own samples, as lessons, and what is known of those held out
trainer     the training of one or several
role        what a reward model is for, and its figure
judge       a reward model that gives the verdicts of another method
method      the method
"""
