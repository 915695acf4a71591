"""What the command arena reads and prints."""
