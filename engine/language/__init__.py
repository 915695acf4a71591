"""The loop on text: a language model proposes, a task verifies, what passes is learnt from."""
