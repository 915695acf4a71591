"""Outside engines: processes that speak UCI, GTP or JSON lines, kept in check."""
