"""Execute the tutorials: ``python tutorials/build.py`` writes the notebooks, ``--check`` compares them with a new run.

Each tutorial is a pair: a Python file in the percent format, which is edited, and a notebook, which is made from it
here and committed with its outputs. The same sources give the same notebook wherever nothing but clock and place
differ: no times, no paths, no identifiers drawn at random. A run on another machine may differ in the last digits, so
the check compares what the outputs say, number by number (see `agree`), and of pictures only that they are there.
"""

from __future__ import annotations

import argparse
import ast
import base64
import difflib
import json
import os
import re
import struct
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import zip_longest
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
METADATA = {
    "jupytext": {"formats": "ipynb,py:percent"},
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CELL_TIMEOUT = 300  # seconds; the slowest cell takes twenty
ROUNDING_LEVEL = 1e-9  # two numbers below this are both "zero to rounding"
LAST_PLACES = 2  # by how many units of its last printed place a number may differ from machine to machine
SAME_ORDER = 3.0  # by which factor a number may differ that is printed as an order of magnitude

NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
ORDER_OF_MAGNITUDE = re.compile(r"\d[eE][-+]?\d+")
NOT_FOR_A_NOTEBOOK = re.compile(r"(?<![\w.])/(?:home|root|tmp|usr|work|Users|var|opt)/|\\Users\\|\bat 0x[0-9a-f]+")
DRAWS = {"plot", "subplots", "figure", "show"}

Cell = dict[str, Any]


# ---- The pair -------------------------------------------------------------------------------------------------------


def sources() -> list[Path]:
    """Return the Python files of the tutorials, in their order."""
    return sorted(HERE.glob("[0-9][0-9]_*.py"))


def cells_of(text: str) -> list[tuple[str, str]]:
    """Return (cell type, source) for every cell of a file in the percent format; its header is not a cell."""
    found = []
    for chunk in re.split(r"^# %%", text, flags=re.MULTILINE)[1:]:
        marker, _, body = chunk.partition("\n")
        if marker.strip() == "[markdown]":
            found.append(("markdown", re.sub(r"^# ?", "", body, flags=re.MULTILINE).strip("\n")))
        else:
            found.append(("code", body.strip("\n")))
    return found


def unexecuted(text: str) -> dict[str, Any]:
    """Return the notebook of a file in the percent format, without outputs."""
    cells: list[Cell] = []
    for number, (kind, source) in enumerate(cells_of(text), start=1):
        cell: Cell = {"cell_type": kind, "id": f"cell-{number:02d}", "metadata": {}, "source": source}
        cells.append(cell | {"execution_count": None, "outputs": []} if kind == "code" else cell)
    return {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}


def read_notebook(path: Path) -> dict[str, Any]:
    """Return a notebook with every text as one string (the format allows lists of lines)."""

    def joined(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: joined(item) for key, item in value.items()}
        if isinstance(value, list):
            texts = bool(value) and all(isinstance(item, str) for item in value)
            return "".join(value) if texts else [joined(item) for item in value]
        return value

    notebook: dict[str, Any] = joined(json.loads(path.read_text(encoding="utf-8")))
    return notebook


# ---- What a notebook must hold --------------------------------------------------------------------------------------


def shows_something(source: str) -> bool:
    """Whether a cell ends with an expression, prints or draws, and so must hold an output."""
    statements = [node for node in ast.parse(source).body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
    calls = [node.func for statement in statements for node in ast.walk(statement) if isinstance(node, ast.Call)]
    prints = any(isinstance(call, ast.Name) and call.id == "print" for call in calls)
    draws = any(isinstance(call, ast.Attribute) and call.attr in DRAWS for call in calls)
    return prints or draws or (bool(statements) and isinstance(statements[-1], ast.Expr))


def texts_of(output: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (what it is, text) for everything in an output that can be read."""
    if output["output_type"] == "stream":
        yield output["name"], output["text"]
    for kind, text in sorted(output.get("data", {}).items()):
        yield kind, "" if kind.startswith("image/") else text


def faults(notebook: dict[str, Any], text: str) -> list[str]:
    """Return what is wrong with an executed notebook, without executing it; `text` is the Python file beside it."""
    wrong = []
    if [(cell["cell_type"], cell["source"]) for cell in notebook["cells"]] != cells_of(text):
        wrong.append("the notebook and the Python file beside it have different cells")
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        if shows_something(cell["source"]) and not cell["outputs"]:
            wrong.append(f"{cell['id']} should show something and holds no output: {cell['source'][:60]!r}")
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                wrong.append(f"{cell['id']} ends in {output['ename']}: {output['evalue']}")
            if output.get("name") == "stderr":
                wrong.append(f"{cell['id']} writes to stderr: {output['text']}")
            found = [place for _, shown in texts_of(output) for place in NOT_FOR_A_NOTEBOOK.findall(shown)]
            wrong += [f"{cell['id']} shows {place!r}: a place on one machine" for place in found]
    return wrong


# ---- Two runs compared ----------------------------------------------------------------------------------------------


def agree(old: str, new: str) -> bool:
    """Whether two texts say the same.

    The words between the numbers are equal, whatever the white space. Whole numbers are equal. Other numbers differ by
    at most two units of the last place that either prints; those of one digit and an exponent are orders of magnitude,
    and differ by at most a factor of three. Two numbers below 1e-9 are rounding errors, which are never the same twice.
    """
    words_old, words_new = ("".join(NUMBER.sub("#", text).split()) for text in (old, new))
    numbers = zip(NUMBER.findall(old), NUMBER.findall(new), strict=False)
    return words_old == words_new and all(same_number(*pair) for pair in numbers)


def same_number(old: str, new: str) -> bool:
    """Whether two printed numbers are the same but for rounding; see `agree`."""
    if not any(sign in old + new for sign in ".eE"):
        return int(old) == int(new)
    a, b = float(old), float(new)
    if max(abs(a), abs(b)) < ROUNDING_LEVEL:
        return True
    if ORDER_OF_MAGNITUDE.fullmatch(old) and ORDER_OF_MAGNITUDE.fullmatch(new):
        return max(a, b) <= SAME_ORDER * min(a, b)
    return abs(a - b) <= LAST_PLACES * max(last_place(old), last_place(new)) * (1 + 1e-9)


def last_place(number: str) -> float:
    """Return the value of one unit in the last printed place: 0.001 for 1.234, 1e-5 for 3.2e-4, 0 for 7."""
    mantissa, _, exponent = number.lower().partition("e")
    if not exponent and "." not in mantissa:
        return 0.0
    decimals = len(mantissa.partition(".")[2])
    return float(f"1e{int(exponent or 0) - decimals}")


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return where two executions of the same cells say different things."""
    found = []
    for before, after in zip_longest(old["cells"], new["cells"], fillvalue={}):
        shown_before, shown_after = (
            [text for output in cell.get("outputs", []) for text in texts_of(output)] for cell in (before, after)
        )
        kinds_before, kinds_after = ([kind for kind, _ in shown] for shown in (shown_before, shown_after))
        where = (before or after)["id"]
        if kinds_before != kinds_after:
            found.append(f"{where} showed {kinds_before}, now {kinds_after}")
            continue
        for (kind, text_before), (_, text_after) in zip(shown_before, shown_after, strict=True):
            if not agree(text_before, text_after):
                found.append(f"{where} says something else in {kind}:\n{changed_lines(text_before, text_after)}")
    return found


def changed_lines(old: str, new: str) -> str:
    """Return the lines that differ, old ones marked - and new ones +."""
    before, after = old.splitlines(), new.splitlines()
    if len(before) == len(after):
        pairs = [pair for pair in zip(before, after, strict=True) if not agree(*pair)]
        return "\n".join(f"- {line_before}\n+ {line_after}" for line_before, line_after in pairs)
    return "\n".join(list(difflib.unified_diff(before, after, n=0, lineterm=""))[2:])


# ---- Execution ------------------------------------------------------------------------------------------------------


def executed(source: Path) -> dict[str, Any]:
    """Execute a tutorial in a kernel of its own and return the notebook, normalised."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.from_dict(unexecuted(source.read_text(encoding="utf-8")))
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        allow_errors=True,  # an error is an output; `faults` finds it
        record_timing=False,
        resources={"metadata": {"path": str(HERE)}},
        extra_arguments=["--log-level=ERROR"],
    )
    client.execute()
    return normalised(notebook)


def normalised(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return a notebook with the metadata of this file, and outputs that do not depend on when they were sent."""
    cells = []
    for cell in notebook["cells"]:
        cells.append(dict(cell, metadata={}))
        if cell["cell_type"] == "code":
            cells[-1]["outputs"] = merged([normalised_output(output) for output in cell["outputs"]])
    return {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}


def normalised_output(output: dict[str, Any]) -> dict[str, Any]:
    """Return an output without metadata, and its picture without the name and version of the program that drew it."""
    if "data" not in output:
        return dict(output)
    data = {kind: pixels_only(item) if kind == "image/png" else item for kind, item in output["data"].items()}
    return dict(output, data=data, metadata={})


def merged(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join what was printed in pieces: where a stream is cut depends on the clock."""
    joined: list[dict[str, Any]] = []
    for output in outputs:
        if joined and output["output_type"] == "stream" and joined[-1].get("name") == output["name"]:
            joined[-1]["text"] += output["text"]
        else:
            joined.append(output)
    return joined


def pixels_only(encoded: str) -> str:
    """Drop the text chunks of a PNG in base64."""
    png = base64.b64decode(encoded)
    kept, place = [png[:8]], 8
    while place < len(png):
        length = 12 + struct.unpack(">I", png[place : place + 4])[0]
        if png[place + 4 : place + 8] not in (b"tEXt", b"iTXt", b"zTXt", b"tIME"):
            kept.append(png[place : place + length])
        place += length
    return base64.b64encode(b"".join(kept)).decode("ascii")


def write(source: Path, notebook: dict[str, Any]) -> list[str]:
    """Write the executed notebook beside its source; return what is wrong with it."""
    text = json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    source.with_suffix(".ipynb").write_text(text, encoding="utf-8")
    return faults(notebook, source.read_text(encoding="utf-8"))


def check(source: Path, notebook: dict[str, Any]) -> list[str]:
    """Compare the committed notebook with a new execution that went well; return what is wrong with either."""
    text, committed = source.read_text(encoding="utf-8"), read_notebook(source.with_suffix(".ipynb"))
    return faults(notebook, text) or faults(committed, text) + differences(committed, notebook)


def main() -> int:
    """Build or check the tutorials of the numbers given, by default all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("numbers", nargs="*", metavar="NUMBER", help="which tutorials: 01 02 ... (all)")
    parser.add_argument("--check", action="store_true", help="compare with the committed notebooks, write nothing")
    parser.add_argument("--jobs", type=int, default=2, help="how many run at a time (2)")
    options = parser.parse_args()
    chosen = [source for source in sources() if not options.numbers or source.name[:2] in options.numbers]
    # One thread a kernel: sums over several threads end in other digits from run to run.
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    os.environ.pop("MPLBACKEND", None)  # the kernel's own draws into the notebook
    wrong = []
    with ProcessPoolExecutor(options.jobs) as pool:
        for source, notebook in zip(chosen, pool.map(executed, chosen), strict=True):
            fault = check(source, notebook) if options.check else write(source, notebook)
            print("\n  ".join([f"{source.stem}: {'' if fault else 'ok'}", *fault]), flush=True)
            wrong += fault
    return 1 if wrong or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
