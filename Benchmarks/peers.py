"""HybrIE against llama.cpp: same file, same threads, alternating runs. usage: peers.py HYBRIE LLAMA_BENCH RUNS MODEL...
Prints a table of medians with their spread and the ratio; llama.cpp runs with flash attention on and off, the better one counts."""
import json
import os
import platform
import statistics
import subprocess
import sys

hybrie, llama, runs, models = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
prompt, generated, threads = os.environ.get("BENCH_PROMPT", "512"), os.environ.get("BENCH_GENERATED", "128"), "2"


def measure(command):
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {("pp" if t["n_prompt"] else "tg"): t["avg_ts"] for t in json.loads(output)}


cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.processor())
print(f"{cpu}, {threads} threads, median of {runs} alternating runs (smallest to largest)\n")
print("| model | test | HybrIE t/s | llama.cpp t/s | ratio |\n| --- | --- | ---: | ---: | ---: |")
worst = float("inf")
for model in models:
    flags = ["-m", model, "-p", prompt, "-n", generated, "-t", threads, "-r", "1", "-o", "json"]
    ours, theirs = [], []
    for _ in range(runs):
        ours.append(measure([hybrie, "bench"] + flags))
        both = [measure([llama] + flags + ["-fa", flash]) for flash in ("0", "1")]
        theirs.append({test: max(b[test] for b in both) for test in both[0]})
    for test, size in (("pp", prompt), ("tg", generated)):
        a, b = ([r[test] for r in results] for results in (ours, theirs))
        ratio = statistics.median(x / y for x, y in zip(a, b))
        worst = min(worst, ratio)
        show = lambda v: f"{statistics.median(v):.1f} ({min(v):.1f} to {max(v):.1f})"
        print(f"| {os.path.basename(model)} | {test}{size} | {show(a)} | {show(b)} | {ratio:.2f} |", flush=True)
print(f"\nsmallest ratio {worst:.2f}")
