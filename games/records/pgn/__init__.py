"""PGN: reading and writing games of chess."""
