"""Constitutional AI: a model mends its own writing by written principles (Bai et al. 2022, 2212.08073).

rule               what of a principle a program can check
constitution       principles, the form in which a model is asked about them, and their draw
constitution_file  read from TOML, and refused where it cannot be kept
revision choice    critique and revise, several rounds; AI feedback on two replies, in both orders
phase preferred reinforced    what an iteration writes and learns: revisions, preferences, PPO on those
role phases constitutional    the figure of the gate; all phases together; the method
"""
