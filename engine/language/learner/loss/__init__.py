"""Losses on text, in plain tensors: what a method minimises, given logits or ln p of tokens."""
