"""Rows of kind `speeds`: `hybrie bench` and llama-bench in turn."""
import gguf
import llama
from measure import HYBRIE, limits, median, say, speeds
from results import Figure

CLOSE = 0.9  # of the best
SHORT = 2048  # tokens of a trial: llama.cpp needs a quarter of an hour for 16,384
ROUGHLY = 0.75  # of the best there, where longer rows may end otherwise


def variants(target, row):
    """llama.cpp's builds with flash attention off and on: [(name, binary, flags)]."""
    builds = llama.binaries(target, build=not row.tiny)
    off, on = ("0", "1") if target == "llama-bench" else ("off", "on")
    every = [(f"{name}, fa {fa}", path, ["-fa", fa]) for fa in (off, on) for name, path in builds]
    if not row.tiny:
        return every
    return every[:1] if target == "llama-server" else every[:: max(1, len(builds))]  # one build; the server takes long to start


def still_close(variants, found, close=CLOSE):
    """Those that came close to the best in some test; `found`: name to figures by test."""
    best = {test: max(rates[test] for rates in found.values()) for rates in found.values() for test in rates}
    return [v for v in variants if any(rate >= close * best[test] for test, rate in found[v[0]].items())]


def measure(row, kind, ours, theirs):
    """Figures of one model file; `ours` and `theirs` are what each of the two reads."""
    others = variants("llama-bench", row)
    tests = row.prompt, row.answer, row.depths
    file = gguf.File(theirs)
    rounds = []

    def tried(tests):
        return {name: speeds(binary, theirs, tests, flags) for name, binary, flags in others}

    if max(row.prompt, *row.depths) > SHORT:
        short = min(row.prompt, SHORT), row.answer, (min(max(row.depths), SHORT),)
        others = still_close(others, tried(short), ROUGHLY)
    for number in range(row.runs):
        say(f"  {row.id} {kind}: round {number + 1} of {row.runs}")
        machine = limits(once=row.tiny)
        mine = speeds(HYBRIE, ours, tests)
        found = tried(tests)
        rounds.append((machine, mine, found))
        if found:
            others = still_close(others, found)
    figures = []
    for test in rounds[0][1]:
        figure = Figure(test=test, unit="t/s", ours=[mine[test] for _, mine, _ in rounds])
        if others:
            best = [max((rates[test], name) for name, rates in found.items()) for _, _, found in rounds]
            figure.against([rate for rate, _ in best], "llama.cpp", "ours/other", winners=[name for _, name in best])
        bar = row.bar(test[:2], kind)
        figure.ask(bar.bar, bar.stretch, need_peer=True)
        figure.limits = [median(values) for values in zip(*(machine for machine, _, _ in rounds))]
        add_share(figure, rounds, file, row, bar)
        figures.append(figure)
    return figures


def add_share(figure, rounds, file, row, bar):
    """The share of what the machine can do: of its reads for answers, of its integer units for prompts."""
    if row.id == "floats" or any(row.depths):
        return  # no integers there; and behind a long context the weights are the smaller part
    if figure.test.startswith("tg"):
        work, which = file.bytes_per_token, 0
    else:
        work, which = file.operations_per_token(row.prompt), 1
    shares = [work * mine[figure.test] / machine[which] for machine, mine, _ in rounds]
    figure.share(median(shares), ("read", "int8")[which], bar.share, bar.share_stretch)
