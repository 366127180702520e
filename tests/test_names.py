"""The names in a cell: none that it reads is missed, and its own are its own."""

import ast
import subprocess
import sys

import pytest

from autograder import names


def _set(text):
    return frozenset(text.split())


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1", "x"),
        ("a, (b, *c) = [d] = f()", "a b c d"),
        ("x.part = 1\ny[0] = 2", ""),
        ("x: int = 1\ny: int", "x"),
        ("x += 1", "x"),
        ("def f(a):\n    b = a", "f"),
        ("async def f(a):\n    b = a", "f"),
        ("class A:\n    b = 1\n    def c(self): d = 1", "A"),
        ("import a.b\nimport c.d as e\nfrom f import g, h as i", "a e g i"),
        ("from math import *", "*"),
        ("for i, j in z:\n    k = i\nelse:\n    m = 1", "i j k m"),
        ("while (n := f()):\n    pass", "n"),
        ("with a as b, c as (d, e):\n    f = 1", "b d e f"),
        ("try:\n    a = 1\nexcept E as e:\n    b = 1\nfinally:\n    c = 1", "a b c"),
        ("try:\n    pass\nexcept* E as e:\n    b = 1", "b"),
        ("if c:\n    x = 1\nelse:\n    y = 1", "x y"),
        ("[i for i in z]\n{j: k for j, k in z}\n{m for m in z}", ""),
        ("any((bad := v) < 0 for v in z)", "bad"),
        ("[[(deep := v) for v in row] for row in z]", "deep"),
        ("f = lambda a: (b := a)", "f"),
        ("def f(a=(b := 1)):\n    pass", "b f"),
        ("@(d := g)\ndef f(): pass", "d f"),
        ("def f():\n    global a\n    a = 1", "a f"),
        ("def f():\n    def g():\n        global a\n        import a\n", "a f"),
        ("def f():\n    global a\n    print(a)", "f"),
        ("class A:\n    global a\n    a = 1", "A a"),
        ("def f():\n    a = 1\n    def g():\n        nonlocal a\n        a = 2", "f"),
        ("del x", ""),
        (
            "match v:\n"
            "    case {'k': a, **b}: pass\n"
            "    case [c, *d]: pass\n"
            "    case P(e, k=f) | [f, e]: pass\n"
            "    case [g] as h: pass\n"
            "    case i: pass",
            "a b c d e f g h i",
        ),
        ("%matplotlib inline\nx = 1", "x"),
        ("x = !ls\nx?", "x"),
        ("%%time\nx = 1", "x"),
        ("%%capture\n%%time\nx = 1", "x"),
        ("%%bash\nx=1", ""),
        ("x = 1\ndef f(:", ""),
        ("x = 1\nreturn x", ""),
        ("x = await f()", "x"),
        ("", ""),
    ],
)
def test_bound_names_are_found(source, expected):
    assert names.bound(source) == _set(expected)


# What is not in the table is a local of the cell, or of something in it.
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        # Order.
        ("x = 1\nx", ""),
        ("x\nx = 1", "x"),
        ("x = x", "x"),
        ("x += 1", "x"),
        ("x = 1\nx += y", "y"),
        ("x: y = z\nx", "y z"),
        ("x: int\nx", "int x"),
        ("x.part = y", "x y"),
        ("x[i] = y", "x i y"),
        ("x = 1\ndel x\nx", "x"),
        ("del x", "x"),
        ("(x := 1)\nx", ""),
        ("f(x, x := 1)", "f x"),
        ("import a.b as c, d.e\nc, d, a, e", "a e"),
        ("from a import b\nb, a", "a"),
        ("from a import *\nb", "b"),
        ("__name__, print", "__name__ print"),
        ('f"{x!r:{width}} {y=}"', "x width y"),
        # Branches: what is not sure to have run binds nothing.
        ("if c:\n    x = 1\nx", "c x"),
        ("if c:\n    x = 1\nelse:\n    x = 2\nx", "c"),
        ("if c:\n    x = 1\nelse:\n    raise E\nx", "c E"),
        ("x = 1 if (y := c) else z\ny", "c z"),
        ("if c:\n    del x\nx", "c x"),
        ("x = 1\nif c:\n    del x\nx", "c x"),
        ("c and (x := 1)\nx", "c x"),
        ("c and d", "c d"),
        ("a < (x := b) < (y := c)\nx, y", "a b c y"),
        ("assert c, (x := 1)\nx", "c x"),
        ("assert c, m", "c m"),
        ("assert (x := c), x\nx", "c"),
        ("for i in z:\n    x = i\n    x", "z"),
        ("for i in z:\n    x = i\ni, x", "z i x"),
        ("for i in (1, 2):\n    x = i\ni, x", ""),
        ("for i in [*z]:\n    x = i\nx", "z x"),
        ("for i in ():\n    x = i\nx", "x"),
        ("for i in (1, 2):\n    if i: continue\n    x = i\nx", "x"),
        ("for i in (1, 2):\n    break\n    x = i\nx", "x"),
        ("x = 1\nfor i in (1, 2):\n    x\n    del x", "x"),
        ("x = 1\nfor i in z:\n    x\n    x = 2\n    del x", "z x"),
        ("async for i in z:\n    x = i\nx", "z x"),
        ("for i in z:\n    pass\nelse:\n    x = y\nx", "z x y"),
        ("while c:\n    x = d\n    x\nelse:\n    e\nx", "c d e x"),
        ("while (x := f()):\n    pass\nx", "f"),
        ("x = 1\nwhile c(x):\n    x = 2\n    del x", "c x"),
        ("with a as b:\n    x = b\nx", "a"),
        ("async with suppress(a):\n    x = 1\nx", "suppress a x"),
        ("with suppress(E):\n    x = f()\nx", "suppress E f x"),
        ("with pytest.raises(E) as e:\n    x = f()\ne, x", "pytest E f x"),
        # Exceptions.
        ("try:\n    x = f()\nexcept E:\n    x = 0\nx", "f E"),
        ("try:\n    x = f()\nexcept E:\n    pass\nx", "f E x"),
        ("try:\n    x = f()\nexcept E as e:\n    raise A(e) from None\nx", "f E A"),
        ("try:\n    x = f()\nexcept E:\n    x", "f E x"),
        ("try:\n    x = f()\nfinally:\n    y = 1\nx, y", "f"),
        ("try:\n    x = f()\nfinally:\n    x", "f x"),
        ("try:\n    f()\nexcept E:\n    pass\nelse:\n    x = 1\nx", "f E x"),
        ("try:\n    raise E\nexcept E as e:\n    x = 1\nx, e", "E e"),
        ("e = 1\ntry:\n    f()\nexcept E as e:\n    e\ne", "f E e"),
        ("try:\n    f()\nexcept* E as e:\n    e\n    x = 1\nx", "f E x"),
        # Matching.
        ("match v:\n    case [a, *b] as c if a > d: a, b, c", "v d"),
        ("match v:\n    case [a, *b] if a > c: a, b\na, b", "v c a b"),
        ("match v:\n    case P(x=Q.r): pass\n    case {K.k: R(), **b}: b", "v P Q K R"),
        # Functions read when they are called, and not before.
        ("def f(a, *b, c=d, **e):\n    return a, b, c, e, g", "d g"),
        ("def f(a: T, *b: S) -> R:\n    pass", "T S R"),
        ("@d(x)\ndef f(): return y\ny = 1", "d x y"),
        ("def f(): return x\nx = 1\nf()", ""),
        ("def f(): return x\nf()\nx = 1", "x"),
        ("def f(): return g()\ndef g(): return x\nx = 1\nf()", ""),
        ("def f(): return g()\ndef g(): return x\nf()\nx = 1", "x"),
        ("def f(): return f, x", "x"),
        ("def f(): return x", "x"),
        ("def f(): return x\nx = 1", ""),
        ("def f(): return x\nif c:\n    x = 1\n    f()\nf()", "c x"),
        ("def f(): return x\nh = f\nx = 1", "x"),
        ("for i in z:\n    def f(): return x\n    x = 1", "z x"),
        ("for i in z:\n    if i: f()\n    def f(): return x\nx = 1", "z f x"),
        ("while c:\n    if d: f()\n    def f(): return x\nx = 1", "c d f x"),
        ("for i in z: pass\ndef f(): return x\nx = 1", "z"),
        ("while c: pass\ndef f(): return x\nx = 1", "c"),
        ("async def f(): return x\nx = 1\nf()", ""),
        ("f = lambda a, b=c: a + d\nd = 1", "c d"),
        ("def f():\n    x\n    x = 1", ""),
        ("def f():\n    global x\n    x += 1", "x"),
        ("def f():\n    global x\n    x = 1\nf()\nx", "x"),
        ("def f():\n    def g():\n        return a, b\n    a = 1", "b"),
        (
            "def f():\n    a = 1\n    def g():\n        nonlocal a\n        a += b",
            "b",
        ),
        ("def f():\n    import a\n    with b as c:\n        return a, c", "b"),
        ("def f():\n    del x", ""),
        ("async def f():\n    async for a in b: await c(a)", "b c"),
        ("def f():\n    yield from x", "x"),
        ("def f():\n    try: pass\n    except E as e: e", "E"),
        ("def f():\n    return [a for a in b if (c := a)] + [c]", "b"),
        # Comprehensions.
        ("[i for i in z]\ni", "z i"),
        ("[f(i, j) for i in z for j in i if c]", "f z c"),
        ("{i: j for i, j in z}\n(k for k in k)", "z k"),
        ("[lambda: i + j for i in z]", "z j"),
        ("[x for i in z]\nx = 1", "z x"),
        ("def f(): return x\n[f() for i in z]\nx = 1", "x z"),
        # Classes run at once, in a scope that their methods do not see.
        ("class A(B, metaclass=M):\n    a = 1\n    b = a, c", "B M c"),
        ("class A:\n    a = 1\n    def f(self): return a", "a"),
        ("class A:\n    x = x", "x"),
        ("class A:\n    a = b\n    c = [i + a for i in a]", "b a"),
        ("class A:\n    a = b\n    c = [i for i in a]", "b"),
        ("class A:\n    if c:\n        x = 1\n    x", "c x"),
        ("class A:\n    def f(self): return x\nx = 1\nA()", ""),
        ("class A:\n    def f(self): return x\nA()\nx = 1", "x"),
        ("@d\nclass A:\n    def f(self): return x\nx = 1", "d x"),
        ("class A:\n    def f(self): return x\n    f(1)\nx = 1", "x"),
        ("class A(B):\n    def f(self): super().f(), __class__", "B super"),
        ("class A:\n    __module__, __qualname__", ""),
        ("class A:\n    class B:\n        def f(self): return x\nx = 1", ""),
        ("class A:\n    @property\n    def p(self): return 1\n    @p.setter\n"
         "    def p(self, v): pass", "property"),
        ("def f():\n    class A:\n        a = 1\n        b = a\n        c = c", "c"),
        ("def f():\n    x = 1\n    class A:\n        def g(self):\n"
         "            nonlocal x\n            x = y", "y"),
        # Not plain Python.
        ("%matplotlib inline\nx", "get_ipython x"),
        ("%%time\nx", "x"),
        ("%%bash\nx", ""),
        ("!ls {x}", "get_ipython"),
        ("x\ndef f(:", ""),
        ("x\n\0", ""),
        ("await x", "x"),
    ],
)  # fmt: skip
def test_used_names_are_found_and_a_cells_own_are_not(source, expected):
    assert names.used(source) == _set(expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x", ""),
        ("x = 1\ndef f(a=y): return x, a", "x"),
        ("x = 1\nf = lambda: x", "x"),
        ("class A:\n    a = b\n    def f(self): return x", "x"),
        ("@d\ndef f(): return x", "x"),
    ],
)
def test_names_that_functions_read_when_called_are_told_apart(source, expected):
    assert names.deferred(source) == _set(expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1\nprint(x)\nx\nx.part", ""),
        ("x.part = 1", "x"),
        ("x[0].part += 1", "x"),
        ("del x[0]", "x"),
        ("for i in z:\n    x.append(i)", "x"),
        ("x.part.append(1)\ny", "x"),
        ("y = x.sum()", ""),
        ("f(x).show()", ""),
        ("def f():\n    x.append(1)", ""),
    ],
)
def test_values_that_a_cell_changes_are_found(source, expected):
    assert names.changed(source) == _set(expected)


def test_method_in_the_last_line_may_only_show_a_value():
    source = "x.append(1)\ny.mean()"
    assert names.changed(source) == {"x", "y"}
    assert names.changed(source, last=False) == {"x"}
    assert names.changed("x[0] = 1", last=False) == {"x"}


def test_imports_say_what_stands_behind_a_name():
    source = (
        "import a.b, c.d as e\nfrom f.g import h as i\nfrom . import j\n"
        "from k import *\nimport m\nm = 1\nimport n\nfrom o import n"
    )
    expected = {"a": "a", "e": "c.d", "i": "f.g:h", "j": ".:j"}
    assert names.imports(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1", ""),
        ("async def f():\n    await g()", ""),
        ("assert x is 1, '\\d'", ""),  # a warning is no fault
        ("x = (", "line 1: '(' was never closed"),
        ("x = 1\nreturn x", "line 2: 'return' outside function"),
        ("x = 1\n%time x", "only IPython can run it (line 2: invalid syntax)"),
        ("!ls", "only IPython can run it (line 1: invalid syntax)"),
        ("%%time\nx = 1", "only IPython can run it (line 1: invalid syntax)"),
        ("x?", "only IPython can run it (line 1: invalid syntax)"),
        ("await f()", "it awaits something outside of a function"),
    ],
)
def test_what_is_not_plain_python_is_said(source, expected):
    assert names.fault(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = vary(1)", False),
        ("from math import *", True),
        ("globals()['x'] = 1", True),
        ("exec(code)", True),
        ("%run other.py", True),
    ],
)
def test_cells_that_bind_names_unseen_are_known(source, expected):
    assert names.open_ended(source) is expected


@pytest.mark.parametrize("module", ["argparse", "dataclasses", "tarfile", "tempfile"])
def test_whole_modules_leave_no_name_unexplained(module):
    source = __import__(module).__file__
    with open(source, encoding="utf-8") as file:
        text = file.read()
    assert names.used(text) <= names.bound(text) | names.BUILTINS
    defined = {n.name for n in ast.parse(text).body if isinstance(n, ast.ClassDef)}
    assert defined <= names.bound(text)


def test_plain_cells_are_read_without_ipython():
    program = (
        "import sys; from autograder import names; names.used('x = 1'); "
        "sys.exit('IPython' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
