"""Points nbgrader at this course: run its commands and formgrader in this folder."""

from pathlib import Path

c = get_config()  # noqa: F821 (nbgrader defines it)

root = Path(__file__).resolve().parent
c.CourseDirectory.root = str(root)
# The exchange has a folder of this name; a database server insists on one as well.
c.CourseDirectory.course_id = "latent-spaces"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"

# The gradebook is a file here, or a database on a server, without its password:
# "postgresql+psycopg://USER@HOST/DATABASE". The page for instructors says how.
c.CourseDirectory.db_url = f"sqlite:///{root / 'gradebook.db'}"

# `nbgrader autograde`, and the flashes in formgrader, would run students' code as you.
c.Autograde.exporter_class = "autograder.grading.NoAutograde"

# A student's page shows no hidden test, and runs nothing that a student wrote.
c.GenerateFeedback.exporter_class = "autograder.feedback.FeedbackExporter"
c.GenerateFeedback.preprocessors = [
    "autograder.feedback.hide_tests",
    "nbgrader.preprocessors.GetGrades",
    "autograder.feedback.summarise",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]
