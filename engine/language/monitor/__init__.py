"""Monitors of the loop on text: collapse, reward hacking and drift, measured each iteration and acted on."""
