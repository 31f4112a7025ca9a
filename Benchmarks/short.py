"""The short table of `script/bench peers [RUNS]`: prompts and answers of three files."""
import os
import statistics

import files
from measure import HYBRIE, machine, speeds
from rows import Row
from speed import variants


def main(runs):
    prompt, answer = os.environ.get("BENCH_PROMPT", "512"), os.environ.get("BENCH_GENERATED", "128")
    row = Row("short", "", "speeds", (), {}, runs=runs)
    others = variants("llama-bench", row)
    models = [files.starter(), files.pair("qwen3-0.6b", "Q4_0")[0], files.pair("qwen3-0.6b", "Q8_0")[0]]
    print(f"{machine()}, 2 threads, median of {runs} alternating runs (smallest to largest)\n")
    print("| model | test | HybrIE t/s | llama.cpp t/s | ratio |\n| --- | --- | ---: | ---: | ---: |")
    worst = float("inf")
    for model in models:
        ours, theirs = [], []
        for _ in range(runs):
            ours.append(speeds(HYBRIE, model, (prompt, answer, (0,))))
            found = [speeds(binary, model, (prompt, answer, (0,)), flags) for _, binary, flags in others]
            theirs.append({test: max(rates[test] for rates in found) for test in found[0]})
        for test in ours[0]:
            a, b = ([rates[test] for rates in side] for side in (ours, theirs))
            ratio = statistics.median(x / y for x, y in zip(a, b))
            worst = min(worst, ratio)
            show = lambda v: f"{statistics.median(v):.1f} ({min(v):.1f} to {max(v):.1f})"
            print(f"| {os.path.basename(model)} | {test} | {show(a)} | {show(b)} | {ratio:.2f} |", flush=True)
    print(f"\nsmallest ratio {worst:.2f}")
