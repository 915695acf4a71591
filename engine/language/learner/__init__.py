"""From judged completions to lessons, and from lessons to weights."""
