"""What is asked of a model and how answers are judged: kinds of task, verifiers, leaks of test problems."""
