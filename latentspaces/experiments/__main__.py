"""``python -m latentspaces.experiments [CHAPTER ...]``: record what changed."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
import time

import torch

from latentspaces import data, experiments


def main(arguments: list[str] | None = None) -> int:
    """Run the experiments of the given chapters, or of all."""
    chapters = sorted(
        module.name
        for module in pkgutil.iter_modules(experiments.__path__)
        if not module.name.startswith("_")
    )
    parser = argparse.ArgumentParser(
        prog="python -m latentspaces.experiments",
        description="Record the experiments whose recipe or code has changed.",
    )
    parser.add_argument(
        "chapter", nargs="*", help=f"one or more of: {', '.join(chapters)} (else all)"
    )
    chosen = parser.parse_args(arguments).chapter or chapters
    unknown = sorted(set(chosen) - set(chapters))
    if unknown:
        parser.error(
            f"no experiments for {', '.join(unknown)}; there are: {', '.join(chapters)}"
        )
    # One thread, so that a run is as fast on a busy machine as on an idle one, and
    # sums are added up in one order.
    torch.set_num_threads(1)
    start = time.perf_counter()
    changed = 0
    for chapter in chosen:
        module = importlib.import_module(f"{experiments.__name__}.{chapter}")
        for experiment in module.EXPERIMENTS:
            if experiments.is_recorded(experiment):
                print(f"{experiment.name}: unchanged")
                continue
            changed += 1
            experiments.record(experiment, data.fashion_mnist())
    print(f"{changed} recorded in {time.perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
