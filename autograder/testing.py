"""For authors of test cells: work on a student's objects where they live.

A test cell runs in two ways. In a notebook it sees the student's objects themselves.
When it counts, it runs in a process of its own and sees them through proxies: calls,
attributes, items, lengths and loops work, and what they give is *copied* to the check
if it is plain data: numbers, strings, tensors, arrays, and lists, tuples, sets and
dictionaries of these. Anything else stays a proxy, which cannot be compared, ordered,
added or asked whether it is true.

What cannot be copied piece by piece is done by a function of the test's own, which
:func:`in_candidate` runs beside the student's objects: gradients, changes in place,
questions of identity.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: What runs the function instead, where there is a process to send it to.
_ship: Callable[..., Any] | None = None
#: What makes another seed of one, in the hidden part of a check; None for the same.
_hide: Callable[[int], int] | None = None


def in_candidate(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call a function where the student's objects live, and return what it returns.

    In an ordinary notebook this is ``function(*args, **kwargs)``. In grading, the
    function and its arguments are sent to the student's process, where a proxy among
    them is the object itself again, and the value is sent back.

    The student's code can read all that is sent. So the function must hold no
    expected value, and must not compare: it returns what it found, and the test
    compares that. A function with an ``assert`` in it is refused. What it changes in
    the test's own variables stays in the other process.

    Parameters
    ----------
    function
        A function of the test's, or of a library. Names that it uses are sent with it.
    *args, **kwargs
        Its arguments: plain data, the student's objects, or objects of the test's
        that can be pickled.

    Returns
    -------
    What the function returns: best, plain data.

    Raises
    ------
    autograder.pipeline.wire.CannotCross
        In grading, if the function or an argument cannot be sent.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from autograder.testing import in_candidate
    >>> model = nn.Linear(2, 1, bias=False)  # the student's
    >>> def gradients(model, x):
    ...     model(x).sum().backward()
    ...     return [p.grad for p in model.parameters()]
    >>> found = in_candidate(gradients, model, torch.ones(3, 2))
    >>> assert torch.equal(found[0], torch.tensor([[3.0, 3.0]]))
    """
    if _ship is None:
        return function(*args, **kwargs)
    return _ship(function, args, kwargs)


def hidden_seed(seed: int) -> int:
    """Return the seed from which a hidden test draws its inputs.

    In an ordinary notebook, and in grading without a class secret, this is the number
    itself, so that all that is public is the same each time. Where a class has a
    secret (``autograder secret``), grading gives another number in its place, the same
    for the whole class, which nobody can tell without the secret.

    Use it inside regions of hidden tests only, for everything that they draw, and keep
    the plain number for what is a choice (``seed % 2``). The check must hold for every
    seed. Never hand the result to a student's function or name it in a message: who
    knows it knows the inputs.

    Parameters
    ----------
    seed
        The number that tells this draw from the others of the check.

    Returns
    -------
    A whole number from 0 to 2**31 - 1, or the number itself.

    Examples
    --------
    >>> import torch
    >>> from autograder.testing import hidden_seed
    >>> generator = torch.Generator().manual_seed(hidden_seed(11))
    >>> x = torch.rand(3, generator=generator)
    """
    return seed if _hide is None else _hide(seed)
