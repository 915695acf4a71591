"""What people read of a run on text: one page a run, and sheets of samples to judge."""
