"""The `selfplay` command. Modules here import nothing heavy before a command runs."""
