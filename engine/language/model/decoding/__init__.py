"""One step of a model over many rows: with its cache, or each text anew."""
