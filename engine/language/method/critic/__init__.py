"""Critics, which value what the first model writes, and how a model learns values and visits."""
