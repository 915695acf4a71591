"""Policy gradients: many small rounds of writing and learning."""
