"""Trees over the steps that a model proposes."""
