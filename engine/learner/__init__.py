"""From replay to weights: losses, optimizer, training on several devices."""
