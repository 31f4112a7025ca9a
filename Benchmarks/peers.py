"""HybrIE against llama.cpp and against this machine's limits; see `script/bench`."""
import argparse
import os
import re
import sys
import tempfile
import time
from dataclasses import replace
from datetime import datetime, timezone

import files
import llama
import report
import results
import served
import short
import speed
from measure import ROOT, Failure, Skip, end_all_on_signals, machine, revision, run, say
from rows import QUALITY, ROWS, tiny

KINDS = {
    "speeds": speed.measure, "streams": served.streams, "prefix": served.prefix, "cold": served.cold, "warm": served.warm,
}
LARGEST_KL = 0.005


def arguments():
    parser = argparse.ArgumentParser(prog="script/bench peers", description="HybrIE against llama.cpp.")
    parser.add_argument("runs", nargs="?", type=int, default=5, metavar="RUNS", help="rounds of the short table")
    parser.add_argument("--all", action="store_true", help="measure the rows and write Benchmarks/RESULTS.md")
    parser.add_argument("--rows", metavar="ID,ID", help=f"only these: {', '.join(r.id for r in ROWS)}, {QUALITY}")
    parser.add_argument("--runs", dest="rounds", type=int, metavar="N", help="rounds of every row, instead of its own number")
    parser.add_argument("--tiny", action="store_true", help="every kind of row in seconds; writes no file")
    options = parser.parse_args()
    known = [row.id for row in ROWS] + [QUALITY]
    if options.rows and not (options.all or options.tiny):
        parser.error("--rows belongs to --all or --tiny")
    options.rows = options.rows.split(",") if options.rows else [r for r in known if r != QUALITY or not options.tiny]
    for id in options.rows:
        if id not in known:
            parser.error(f"there is no row '{id}'; there are {', '.join(known)}")
    if options.rounds and not options.all:
        parser.error("--runs belongs to --all; the short table takes the number alone")
    for count in (options.runs, options.rounds):
        if count is not None and not 1 <= count <= 100:
            parser.error(f"between 1 and 100 rounds, not {count}")
    return options


def measure(row, model_files):
    """All figures of a row with what must be said about them."""
    began, figures = time.monotonic(), []
    for shape, kind in row.models:
        ours, theirs = model_files(row, shape, kind)
        found = KINDS[row.kind](row, kind, ours, theirs)
        for figure in found:
            figure.model = f"{shape} {kind}" if not row.tiny else os.path.basename(theirs)
        figures += found
    target = {"speeds": "llama-bench", "streams": "llama-server"}.get(row.kind)
    return results.entry(
        figures, date=datetime.now(timezone.utc).strftime("%Y-%m-%d"), hybrie=revision(),
        llama=llama.describe(target) if target else "", runs=row.runs, seconds=time.monotonic() - began)


def quality():
    """The golden tests of the starter model: speed that costs quality doesn't count."""
    say("the SmolLM2 golden tests")
    passed = True
    try:
        output = run([os.path.join(ROOT, "script/test"), "SmolLM2Tests"], 3600, echo=True)
    except Failure as failure:
        output, passed = failure.output, False
    found = re.search(r"mean KL ([0-9.e-]+),", output)
    if not found:
        raise Failure("the SmolLM2 tests printed no mean KL; run script/test SmolLM2Tests to see why")
    kl = float(found.group(1))
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"), "hybrie": revision(), "kl": kl, "passed": passed,
        "met": passed and kl <= LARGEST_KL,
    }


def measure_all(options):
    machines, faults, skips = results.load(), [], {}
    entries = machines.setdefault(machine(), {})
    for row in (r for r in ROWS if r.id in options.rows):
        row = replace(row, runs=options.rounds or row.runs)
        say(f"{row.id}: {row.what}")
        try:
            entries[row.id] = measure(row, lambda _, shape, kind: files.pair(shape, kind))
        except Skip as reason:
            say(f"  skipped: {reason}")
            skips[row.id] = str(reason)
            continue
        except (Failure, OSError) as failure:
            faults.append(f"{row.id}: {failure}")
            say(f"  {failure}")
            continue
        results.save(machines)
        report.write(machines)
    if QUALITY in options.rows:
        try:
            entries[QUALITY] = quality()
            if not entries[QUALITY]["met"]:
                faults.append(f"the quality gate isn't met: mean KL {entries[QUALITY]['kl']}, or a golden test fails")
            results.save(machines)
        except Failure as failure:
            faults.append(f"quality: {failure}")
    report.write(machines, skips)
    print(report.render(machines, skips))
    return faults


def measure_tiny(options):
    entries = {}
    # Threads of llama.cpp that wait for each other shall not spin on cores that tests use.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with tempfile.TemporaryDirectory() as folder:
        starter = files.starter()
        for row in (tiny(r) for r in ROWS if r.id in options.rows):
            began = time.monotonic()
            made = lambda row, _, kind: files.pair("qwen3-tiny", kind, folder) if row.id == "floats" else (starter, starter)
            entries[row.id] = measure(row, made)
            say(f"{row.id}: {time.monotonic() - began:.1f} s")
    text = report.render({machine(): entries})
    print(text)
    report.check(text, [id for id in options.rows if id != QUALITY])
    return []


def main():
    options = arguments()
    end_all_on_signals()
    try:
        if options.tiny:
            faults = measure_tiny(options)
        elif options.all:
            faults = measure_all(options)
        else:
            faults = short.main(options.runs) or []
    except (Failure, Skip) as failure:
        faults = [str(failure)]
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(1 if faults else 0)


main()
