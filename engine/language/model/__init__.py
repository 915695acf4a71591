"""A causal language model on this machine: its files, tokens, decoding, and what it says of texts."""
