"""Methods: what each writes, learns from and is measured by; a family a file, a line each in `registry`.

method      what a method is: its settings, and which of the parts below it takes
registry    all of them by name
turn        what a method works with in one iteration
sampler     what is written: samples, or what a tree search chooses
trainer     what is learnt of it, and how: texts; critic/: values and visits
role        what the trained model is for, and the figure it is measured by
text search critic    the families
"""
