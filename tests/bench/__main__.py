"""``python -m tests.bench [PART ...] [--quick]``: measure and write _build/bench.json.

Each part is a module of this folder with ``measure(quick) -> dict``; the dict is
stored under the part's name, and what other parts stored stays.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import platform
import sys
from pathlib import Path

from tests import bench

RESULT = Path("_build/bench.json")


def main(arguments: list[str] | None = None) -> int:
    """Measure the given parts, or all."""
    parts = sorted(
        module.name
        for module in pkgutil.iter_modules(bench.__path__)
        if not module.name.startswith("_")
    )
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("part", nargs="*", help=f"some of: {', '.join(parts)}")
    parser.add_argument(
        "--quick", action="store_true", help="bounds instead of whole measurements"
    )
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.part) - set(parts))
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; there are: {', '.join(parts)}")
    for part in options.part or parts:
        measured = importlib.import_module(f"tests.bench.{part}").measure(options.quick)
        found = json.loads(RESULT.read_text("utf-8")) if RESULT.exists() else {}
        found[part] = measured | {"machine": platform.machine()}
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(f"written to {RESULT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
