"""What can go wrong, one exception for each cause."""


class AutograderError(Exception):
    """Something that the person at the keyboard can mend; its text says how."""


class CourseError(AutograderError):
    """There is no course, no assignment or no class where one was expected."""


class AssignmentError(AutograderError):
    """An assignment in ``solutions/`` cannot be released as it stands."""


class NotebookError(AutograderError):
    """A file is not a notebook that can be read."""


class SubmissionError(AutograderError):
    """A student's hand-in, or an archive of hand-ins, cannot be taken."""


class RosterError(AutograderError):
    """The list of a class cannot be read, or contradicts itself."""


class PenaltyError(AssignmentError):
    """The course's own rule for late submissions does not work."""


class GradebookError(AutograderError):
    """The gradebook and the assignment do not fit together."""


class OutputError(AutograderError):
    """What grading keeps cannot be written, or not be read again."""


class ClusterError(AutograderError):
    """The machines that should grade cannot be reached, or not be trusted with it."""


class SecretError(AutograderError):
    """The secret of a class cannot be read, or must not be written."""


class SandboxError(AutograderError):
    """A student's code cannot be run here as it should be."""
