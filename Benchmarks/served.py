"""Rows that ask servers: streams, prefix, cold, warm."""
import math
import re
import time

import disk
import gguf
from measure import Failure, THREADS, limits, median, say
from results import Figure
from serving import Server, tokens
from speed import variants

START = 300  # seconds that a server may take to answer for the first time
MEGA = 1e6
PAGE = 16  # tokens; CacheShape.pageTokens


def percentile(values, share):
    """The nearest rank."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def streams(row, kind, ours, theirs):
    """All streams begin at once; nothing of their prompts is shared."""
    context = max(1024, row.prompt + row.answer)
    flags = ["-t", THREADS, "-np", str(row.streams), "-c", str(row.streams * context), "--no-webui"]
    servers = [("", lambda: Server.hybrie(ours, "--parallel", str(row.streams), "--context", str(context)))]
    for name, binary, more in variants("llama-server", row):
        servers.append((name, lambda binary=binary, more=more: Server([binary, "-m", theirs, *flags, *more])))
    rounds = []
    for number in range(row.runs):
        machine, found = limits(once=row.tiny), {}
        for name, make in servers:
            say(f"  {row.id} {kind}: round {number + 1} of {row.runs}, {name or 'hybrie'}")
            prompts = [tokens(row.prompt, f"{number} {name} {stream}") for stream in range(row.streams)]
            with make() as server:
                server.first_token(tokens(8, 0), START)
                seconds, answers = server.burst(prompts, row.answer, 1800)
            # A server that found a prompt it was never sent, or shortened one, would be measured at something else.
            if any(answer.prompt != row.prompt or answer.cached for answer in answers):
                raise Failure(f"{name or 'hybrie'} took {answers[0].prompt} prompt tokens, {answers[0].cached} of them cached")
            found[name] = {
                "tokens": row.streams * (row.prompt + row.answer) / seconds,
                "gap": percentile([gap for answer in answers for gap in answer.gaps], 0.99) * 1e3,
                "first": percentile([answer.first for answer in answers], 0.99) * 1e3,
            }
        rounds.append((machine, found))
    figures = []
    for test, title, unit, better in (
        ("tokens", "prompt and answer tokens together", "t/s", max), ("gap", "p99 between tokens", "ms", min),
        ("first", "p99 to the first token", "ms", min),
    ):
        figure = Figure(test=title, unit=unit, ours=[found[""][test] for _, found in rounds])
        if len(servers) > 1:
            best = [better((values[test], name) for name, values in found.items() if name) for _, found in rounds]
            way = "ours/other" if better is max else "other/ours"
            figure.against([value for value, _ in best], "llama-server", way, winners=[name for _, name in best])
        bar = row.bar(test, kind)
        figure.ask(bar.bar, bar.stretch, need_peer=True)
        figure.limits = [median(values) for values in zip(*(machine for machine, _ in rounds))]
        figures.append(figure)
    return figures


def prefix(row, kind, ours, _):
    first, second, machine = [], [], []
    with Server.hybrie(ours, "--context", str(row.prompt + 64)) as server:
        server.first_token(tokens(8, 0), START)
        for number in range(row.runs):
            say(f"  {row.id} {kind}: round {number + 1} of {row.runs}")
            machine.append(limits(once=row.tiny))
            shared = tokens(row.prompt, f"shared {number}")
            first.append(server.ask(shared + tokens(16, f"a {number}"), 2).first * 1e3)
            again = server.ask(shared + tokens(16, f"b {number}"), 2)
            second.append(again.first * 1e3)
            if again.cached < 0.9 * row.prompt:
                raise Failure(f"the second request found {again.cached} of {row.prompt} tokens in the prefix cache")
    figure = Figure(test=f"first token behind {row.prompt} shared", unit="ms", ours=second)
    figure.against(first, "first request", "other/ours")
    bar = row.bar("first", kind)
    figure.ask(bar.bar, bar.stretch)
    figure.limits = [median(values) for values in zip(*machine)]
    return [figure]


def cold(row, kind, ours, _):
    starts, reads, machine = [], [], []

    def start():
        disk.drop(ours, gently=row.tiny)
        with Server.hybrie(ours) as server:
            starts.append(server.first_token(tokens(8, 0), START))

    def read():
        disk.drop(ours, gently=row.tiny)
        reads.append(disk.read(ours))

    for number in range(row.runs):
        say(f"  {row.id} {kind}: round {number + 1} of {row.runs}")
        machine.append(limits(once=row.tiny))
        # What goes first changes: a disk that is shared may be faster or slower for a while.
        for step in (read, start) if number % 2 == 0 else (start, read):
            step()
    figure = Figure(test="cold start to the first token", unit="s", ours=starts)
    figure.against(reads, "read of the file", "ours/other")
    bar = row.bar("start", kind)
    figure.ask(bar.bar, bar.stretch, at_most=True)
    figure.limits = [median(values) for values in zip(*machine)]
    return [figure]


def warm(row, kind, ours, _):
    disk.read(ours)
    starts, memory, machine = [], [], []
    weights = gguf.File(ours).bytes
    for number in range(row.runs):
        say(f"  {row.id} {kind}: round {number + 1} of {row.runs}")
        machine.append(limits(once=row.tiny))
        with Server.hybrie(ours) as server:
            starts.append(server.first_token(tokens(8, 0), START))
            server.ask(tokens(16, number), 16)
            time.sleep(1 if row.tiny else 3)
            memory.append((resident(server.child.pid) - weights - filled_cache(server)) / MEGA)
    figures = []
    for test, title, unit, values in (
        ("start", "warm start to the first token", "s", starts), ("memory", "idle memory beside weights and cache", "MB", memory),
    ):
        figure = Figure(test=title, unit=unit, ours=values)
        bar = row.bar(test, kind)
        figure.ask(bar.bar, bar.stretch, at_most=True)
        figure.limits = [median(values) for values in zip(*machine)]
        figures.append(figure)
    return figures


def resident(process):
    with open(f"/proc/{process}/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmRSS:"))


def filled_cache(server):
    """Bytes of the pages that sequences filled. More than these may be in memory; that counts as the program's."""
    metrics = server.text("/metrics")
    metric = lambda name: int(float(re.search(rf"^{name}{{.*}} (\S+)$", metrics, re.MULTILINE).group(1)))
    pages = sum(math.ceil(length / PAGE) for length in (8 + 1, 16 + 16))
    return pages * metric("hybrie_kv_bytes") // metric("hybrie_kv_pages")
