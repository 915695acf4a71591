"""What a model can do: measured at the end, looked at in each iteration."""
