"""Judges of what a model writes, and a method in which a model rewards itself.

config          settings of judges, of what they learn from, and of new problems
assessor        whoever can be asked: models, programs, the verifier; prompts, replies, comparisons
judge           the one that the settings name, as the loop asks it
length          scores freed of what length explains
teaching        what a model learns to judge from
instruction     new problems after the model's own examples
rewarded        what is written, and what is learnt of it
self_rewarding  the method
"""
