"""Methods: what each writes, learns from and is measured by; a family a room, a line each in `registry`.

method      what a method is: its settings, and which of the parts below it takes
registry    all of them by name
turn        what a method works with in one iteration
sampler     what is written: samples, or what a tree search chooses
trainer     what is learnt of it, and how
role        what the trained model is for, and the figure it is measured by
verdict     who judges in place of the task's verifier, which then is the gold
companion   models that are trained beside the student
idle        settings that would have no effect are refused
text search critic preference reward policy judged constitution    the families
"""
