"""The answer that a completion states, and whether it equals the expected one."""
