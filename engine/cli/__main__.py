"""`python -m engine.cli`: the same as `selfplay`."""

from engine.cli.app import main

main()
