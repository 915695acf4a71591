"""What the learner may learn besides policy and value, a file a technique; each has a head of its own."""
