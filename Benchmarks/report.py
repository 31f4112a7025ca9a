"""The report: a table of what was measured, one of how, and what RESULTS.md says besides."""
import os
import re

import llama
import results
from measure import ROOT, Failure, median
from rows import QUALITY, ROWS

PATH = os.path.join(ROOT, "Benchmarks/RESULTS.md")
# From here on RESULTS.md is written by hand and kept.
KEPT = "## Measured otherwise"
HEAD = """# Results

`script/bench peers --all` writes this, out of results.json; `--rows id,id` measures some rows anew. Random weights of
Qwen3's shapes, same file, two threads, alternating rounds, median (smallest to largest). llama.cpp: the better of flash
attention off and on, and of the compilers; after the first round what came within a tenth of the best runs on, and long rows
leave out what is a quarter behind at 2,048 tokens. The ratio is the median of the rounds' ratios. Share: weights read per
second of the memory's read rate (answers), or integer operations of the units' peak (prompts), both measured anew before every
round (`hybrie bench --machine`). Met: the bar, or the stretch, for ratio and share.
"""


def number(value):
    return f"{value:.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(values):
    middle = number(median(values))
    return middle if len(values) == 1 else f"{middle} ({number(min(values))} to {number(max(values))})"


def aim(figure, bar, share):
    unit = "x" if figure.ratio is not None or figure.need_peer else " " + figure.unit
    text = f"{'at most ' if figure.at_most else ''}{bar:g}{unit}"
    return text + (f", {share:.0%}" if share is not None else "")


def table(columns, lines):
    """Markdown; a column whose title begins with `>` is set to the right."""
    rule = ["---:" if title.startswith(">") else "---" for title in columns]
    rows = [[title.lstrip(">") for title in columns], rule, *lines]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows) + "\n"


def measured(entries):
    """The rows that were measured, each with its entry."""
    return [(row, entries[row.id]) for row in ROWS if row.id in entries]


def figures(entries):
    lines = []
    for row, entry in measured(entries):
        for f in results.figures(entry):
            other = f"{spread(f.other)} {f.other_is}" if f.other else ""
            share = f"{f.share_is:.0%} {f.share_of}" if f.share_is is not None else ""
            read, int8 = f.limits
            lines.append([
                row.id, f.model, f.test, f"{spread(f.ours)} {f.unit}", other,
                f"{f.ratio:.2f}" if f.ratio is not None else "", aim(f, f.bar, f.share_bar),
                aim(f, f.stretch, f.share_stretch), share, f"{read / 1e9:.1f}", f"{int8 / 1e12:.2f}", f.verdict])
    return table(["row", "model", "test", ">HybrIE", ">against", ">ratio", ">bar", ">stretch", ">share", ">read GB/s",
                  ">int8 TOP/s", "met"], lines)


def ways(entries):
    lines = []
    for row, entry in measured(entries):
        winners = sorted({w for f in results.figures(entry) for w in f.winners})
        lines.append([row.id, row.what, entry["date"], entry["hybrie"], entry["llama"], entry["runs"],
                      "; ".join(winners), f"{entry['seconds'] / 60:.0f} min"])
    return table(["row", "what", "date", "HybrIE", "llama.cpp", ">rounds", "llama.cpp's best", ">took"], lines)


def render(machines, skips={}):
    """`machines`: what `results.load` gives; `skips`: why rows were left out just now."""
    text = [HEAD]
    for machine, entries in machines.items():
        text.append(f"## {machine}\n")
        if measured(entries):
            text += [figures(entries), ways(entries)]
        missing = [row.id + (f" ({skips[row.id]})" if row.id in skips else "") for row in ROWS if row.id not in entries]
        if missing:
            text.append(f"Not measured: {', '.join(missing)}.\n")
        gate = entries.get(QUALITY)
        if gate:
            verdict = "met" if gate["met"] else "NOT met"
            text.append(f"Quality gate, {gate['date']}, HybrIE {gate['hybrie']}: the SmolLM2 golden tests "
                        f"{'pass' if gate['passed'] else 'FAIL'}, mean KL {gate['kl']:.5f} (at most 0.005): {verdict}.\n")
    text.append(
        f"llama.cpp is configured with `{' '.join(llama.FLAGS)}`; both run with `-t 2 -r 1`, which warms up first.\n")
    text.append(
        "Notes. Total tokens of `streams`: 8 x (512 + 128) by the time from the first request to the last token. Cold: caches\n"
        "dropped before each start and each read (four threads, 8 MiB pieces). Idle memory: resident size of the server after\n"
        "two short answers and three idle seconds, less the bytes of the file's tensors and of the cache's pages that they filled.\n"
        "MB: 10^6.\n")
    return "\n".join(text)


def check(text, wanted):
    """Fails unless every table is whole and every wanted row has a number."""
    width, seen = 0, set()
    for line in text.splitlines():
        if not line.startswith("|"):
            width = 0
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if width and len(cells) != width:
            raise Failure(f"the table is malformed, {width} columns before: {line}")
        if not width and not all(cells):
            raise Failure(f"a table without titles: {line}")
        width = len(cells)
        if re.search(r"\b(nan|inf|None)\b", line):
            raise Failure(f"a figure is no number: {line}")
        if len(cells) == 12 and re.match(r"\d", cells[3]):
            seen.add(cells[0])
    missing = [row for row in wanted if row not in seen]
    if missing:
        raise Failure(f"no number for {', '.join(missing)}")


def write(machines, skips={}):
    text = render(machines, skips)
    check(text, [row.id for row in ROWS if any(row.id in entries for entries in machines.values())])
    kept = ""
    if os.path.exists(PATH):
        with open(PATH) as file:
            _, heading, rest = file.read().partition(KEPT)
            kept = heading + rest
    with open(PATH, "w") as file:
        file.write(text + ("\n" + kept if kept else ""))
