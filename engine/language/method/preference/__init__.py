"""Methods that learn which of two responses is better: from scores, from a file, or from real data.

config   settings that all of them share
pairing  which responses of a problem are compared
lesson   pairs of texts as what the learner reads, with what the reference says of them
trainer  the training, and what is watched of it
dpo spin the methods
"""
