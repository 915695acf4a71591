"""How players think: their trees side by side, in common batches, in a thread of its own."""
