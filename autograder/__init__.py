"""Release, check and grade the assignments of the course.

``release`` makes the students' notebooks from ``solutions/``, ``check`` is what a
student runs alone, ``grade`` marks a folder of submissions into nbgrader's gradebook
and ``report`` says what the class got wrong. How a submission is executed is behind
one interface, :class:`autograder.execution.Executor`.
"""
