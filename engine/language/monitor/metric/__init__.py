"""What is measured of a model's texts each iteration."""
