"""Numbers from a run, quoted in the text of the book."""

from __future__ import annotations

__all__ = ["quote"]


def quote(**values: str) -> None:
    """Hand computed values to the prose, which takes them up by name.

    In the book, ``quote(error="0.0085")`` makes ``{glue:text}`error``` read 0.0085.
    In a notebook it shows nothing. It is MyST-NB's ``glue`` without its import, so
    that a chapter also runs where the book cannot be built, on Colab for one.

    Parameters
    ----------
    **values : str
        Name and text, formatted as it is to be read.

    Raises
    ------
    TypeError
        If a value is not text: a bare number would be quoted with all its digits.
    """
    for name, text in values.items():
        if not isinstance(text, str):
            raise TypeError(
                f"{name} is {text!r}, expected text such as f'{{{name}:.4f}}'"
            )
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return
    if get_ipython() is None:
        return
    for name, text in values.items():
        display(
            # As glue has it for a string; a bare 4.40 would be read as a number.
            {"application/papermill.record/text/plain": repr(text)},
            metadata={
                "scrapbook": {
                    "name": name,
                    "mime_prefix": "application/papermill.record/",
                }
            },
            raw=True,
        )
