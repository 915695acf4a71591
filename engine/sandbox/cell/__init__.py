"""The inside of the sandbox. Runs in processes of its own, on the standard library alone."""
