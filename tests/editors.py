"""What editors make of a notebook when they save it, beside what the student wrote.

The shapes are those of files that these programs saved. None of them is tried here but
JupyterLab (test_jupyterlab.py), nbconvert and jupytext, which are installed.
"""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import jupytext
import nbformat
from nbconvert.preprocessors import ExecutePreprocessor
from nbformat import NotebookNode

Json = dict[str, Any]


def jupyterlab(notebook: NotebookNode) -> bytes:
    """JupyterLab and Jupyter Notebook 7: outputs, counts, a full language_info."""
    data = executed(notebook)
    data["metadata"] |= {"kernelspec": KERNEL, "language_info": LANGUAGE}
    for cell in data["cells"]:
        cell["metadata"] |= {"jp-MarkdownHeadingCollapsed": False, "trusted": True}
    return written(data)


def vscode(notebook: NotebookNode) -> bytes:
    """VS Code: sorted keys, the environment's name, a note of each cell's language."""
    data = executed(notebook)
    spec = {"display_name": ".venv (3.12.4)", "language": "python", "name": "python3"}
    data["metadata"] |= {"kernelspec": spec, "language_info": LANGUAGE}
    data["metadata"]["vscode"] = {"interpreter": {"hash": "31f2aee4e71d21fb"}}
    for cell in data["cells"]:
        cell["metadata"]["vscode"] = {"languageId": "python"}
    return written(data, sort_keys=True)


def vscode_before_ids(notebook: NotebookNode) -> bytes:
    """VS Code before it knew ids: format 4.2, no ids of cells."""
    data = json.loads(vscode(notebook))
    data |= {"nbformat_minor": 2}
    data["metadata"] |= {"orig_nbformat": 4}
    for cell in data["cells"]:
        del cell["id"]
    return written(data, sort_keys=True)


def colab(notebook: NotebookNode) -> bytes:
    """Colab: format 4.0, each id in the metadata, a badge as the first cell."""
    data = executed(notebook)
    data |= {"nbformat_minor": 0}
    data["metadata"] |= {
        "accelerator": "GPU",
        "colab": {
            "provenance": [],
            "gpuType": "T4",
            "authorship_tag": "ABX9TyMlUilj7i1ZSEqlFAWh",
            "include_colab_link": True,
        },
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "language_info": {"name": "python"},
    }
    for cell in data["cells"]:
        cell["metadata"]["id"] = cell.pop("id")
        if cell["cell_type"] == "code":
            cell["metadata"] |= {
                "colab": {"base_uri": "https://localhost:8080/", "height": 35},
                "outputId": "75bbc70b-f212-4cdf-a0b8-8fba4258a5a3",
                "executionInfo": {"status": "ok", "elapsed": 7, "user_tz": -60},
            }
    badge = '<a href="https://colab.research.google.com/github/x/y"><img src="z"/></a>'
    top = {"id": "view-in-github", "colab_type": "text"}
    first = {"cell_type": "markdown", "metadata": top, "source": [badge]}
    last = {
        "cell_type": "code",
        "source": ["!pip install -q latentspaces\n", "!autograder check copy.ipynb"],
        "metadata": {"id": "gEiH-1Mm1MRF"},
        "execution_count": 3,
        "outputs": [],
    }
    data["cells"] = [first, *data["cells"], last, {**last, "source": []}]
    return written(data)


def colab_with_new_ids(notebook: NotebookNode) -> bytes:
    """Colab, if it gives cells ids of its own and drops the notebook's metadata."""
    data = json.loads(colab(notebook))
    data["metadata"].pop("autograder")
    drawn = random.Random(0)
    for cell in data["cells"]:
        cell["metadata"]["id"] = f"{drawn.getrandbits(48):012x}"
    return written(data)


def kaggle(notebook: NotebookNode) -> bytes:
    """Kaggle: format 4.4, times of execution, no ids."""
    data = executed(notebook)
    data |= {"nbformat_minor": 4}
    data["metadata"]["kaggle"] = {"accelerator": "none", "dataSources": []}
    for cell in data["cells"]:
        del cell["id"]
        times = {"iopub.status.busy": "2026-01-01T12:00:00.000000Z"}
        cell["metadata"] |= {"execution": times, "trusted": True, "_uuid": "8f2839f25d"}
    return written(data)


def nbconvert(notebook: NotebookNode) -> bytes:
    """Plain Jupyter: what ``jupyter nbconvert --execute --allow-errors`` writes."""
    run = ExecutePreprocessor(timeout=60, allow_errors=True)
    done, _ = run.preprocess(copy.deepcopy(notebook), {})
    return nbformat.writes(done).encode()


def jupytext_script(notebook: NotebookNode) -> bytes:
    """A script in the percent format, as some editors keep a notebook, and back."""
    notebook = copy.deepcopy(notebook)
    notebook.metadata["jupytext"] = {"cell_metadata_filter": "all"}
    script = jupytext.writes(notebook, fmt="py:percent")
    return nbformat.writes(jupytext.reads(script, fmt="py:percent")).encode()


KERNEL = {
    "display_name": "Python 3 (ipykernel)",
    "language": "python",
    "name": "python3",
}
COLAB_TYPE = "application/vnd.google.colaboratory.intrinsic+json"
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
    "version": "3.12.4",
}
EDITORS = (
    jupyterlab,
    vscode,
    vscode_before_ids,
    colab,
    colab_with_new_ids,
    kaggle,
    nbconvert,
    jupytext_script,
)


def executed(notebook: NotebookNode) -> Json:
    """A notebook's JSON with an output in each code cell and its source in lines."""
    data = json.loads(json.dumps(notebook))
    for count, cell in enumerate(data["cells"]):
        cell["source"] = cell["source"].splitlines(keepends=True)
        if cell["cell_type"] == "code":
            shown = {"text/plain": ["1"], "text/html": ["<b>1</b>"]}
            shown[COLAB_TYPE] = {"type": "int"}
            result = {"output_type": "execute_result", "execution_count": count}
            cell["outputs"] = [{**result, "data": shown, "metadata": {}}]
            cell["execution_count"] = count
    return data


def written(data: Json, sort_keys: bool = False) -> bytes:
    return json.dumps(data, indent=1, sort_keys=sort_keys, ensure_ascii=False).encode()
