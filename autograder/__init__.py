"""Release, check and grade the assignments of the course.

``release`` makes the students' notebooks from ``solutions/``, ``check`` is what a
student runs alone, ``grade`` marks a folder of submissions into nbgrader's gradebook
and ``report`` says what the class got wrong. What decides marks is in
:mod:`autograder.pipeline`, what confines the students' code in
:mod:`autograder.sandbox`.
"""

import sys

# nbformat imports jsonschema, which builds a grammar for the syntax of international
# addresses wherever it can. That takes a second at every start, for a format that no
# notebook uses; without the package, jsonschema leaves this one format unchecked.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
