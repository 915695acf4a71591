"""SGF: reading and writing games of Go."""
