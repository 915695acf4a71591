"""Constitutional AI: a model mends its own writing by written principles (Bai et al. 2022, 2212.08073).

rule               what of a principle a program can check
constitution       principles, the form in which a model is asked about them, and their draw
constitution_file  read from TOML, and refused where it cannot be kept
revision           critique and revise, several rounds
"""
