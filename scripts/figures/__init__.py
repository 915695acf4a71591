"""The pictures of the pages and the figures they are drawn from: `scripts/pictures`."""
