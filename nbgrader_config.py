"""Points nbgrader at this course: run its commands and formgrader in this folder."""

from pathlib import Path

c = get_config()  # noqa: F821 (nbgrader defines it)

c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"

# A student's page shows no hidden test, and runs nothing that a student wrote.
c.GenerateFeedback.exporter_class = "autograder.feedback.FeedbackExporter"
c.GenerateFeedback.preprocessors = [
    "autograder.feedback.hide_tests",
    "nbgrader.preprocessors.GetGrades",
    "autograder.feedback.summarise",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]
