"""Where a class's hand-ins come from: folders, archives, and who is who.

::

    folder, zip ── places ── layouts ──┐
                                       ├── autograder.submissions
    roster.csv ─── roster ─────────────┘

:mod:`~autograder.intake.places` lists files and reads one at a time;
:mod:`~autograder.intake.layouts` knows how Canvas, Moodle and nbgrader name them;
:mod:`~autograder.intake.roster` knows the students. Every name and every byte here was
chosen by a student.
"""
