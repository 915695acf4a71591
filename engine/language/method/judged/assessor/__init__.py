"""Whoever can be asked how good a completion is, or which of two is better.

assessor        what it is; the task's verifier as one
prompt          what a model is asked, from a file or one of `prompts/`
reading         the points in a reply, and whether it is one
model_assessor  a language model, by its next token or in words
program         a command that reads and writes JSON lines; command: its words; worker: one for a function
comparison      which of two is better, in both orders
"""
