"""HybrIE's mesh against rsync and libtorrent on one network of namespaces; see `script/bench`."""
import argparse
import os
import sys
import textwrap
from contextlib import ExitStack

import swarm_peers
from measure import HYBRIE, ROOT, Failure, end_all_on_signals, machine, median, revision, run, say
from mesh_nodes import Mesh
from namespaces import COUNT, MEGABITS, Network, Unsupported
from report import spread, table
from swarm_files import Folder, Model
from transfers import measure

PATH = os.path.join(ROOT, "Benchmarks/SWARM.md")
WAYS = ("hybrie", "rsync", "libtorrent")
RATIO, EGRESS = (1.35, 1.10), (1.6, 1.2)  # bar and stretch, at most
HEAD = """# Swarm

`script/bench swarm` writes this. A random file goes from one node to one other, and to all seven others at once. All ways
alternate in each round: median (smallest to largest). Ratio: the time until all seven have the file by the time until one
alone has it, round by round. Egress: the bytes that leave the origin while seven fetch, by the file's size.
"""
NOTES = """
Links: a token bucket (`tc tbf`) at either end of each node's veth. Egress as the node's interface counts it: headers of
segments that the kernel cuts on the way out count once, which leaves out 4 to 5 % for every way alike. All files are compared
with the source by SHA-256 after each transfer.

HybrIE: `hybrie serve` on all nodes, only the origin introduced to them; a receiver's time is that of its
`hybrie pull peer://n0/swarm`, from its start to its end. rsync: a daemon on the origin, `--whole-file --no-compress`; from
start to end too. libtorrent: a v2 torrent in pieces of 1 MiB, TCP without encryption, no limits, no tracker, every node told
all addresses (`torrent_node.py`); its time begins when all sessions run and the seed has checked its file. A
super-seed is measured with seven only, and its ratio is to the plain seed's time for one.
"""


def arguments():
    parser = argparse.ArgumentParser(prog="script/bench swarm", description="One file to seven nodes, by the mesh and otherwise.")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="rounds (3)")
    parser.add_argument("--mib", type=int, default=512, metavar="N", help="the file's size (512)")
    parser.add_argument("--only", default=",".join(WAYS), metavar="WAY,WAY", help=f"of {', '.join(WAYS)}; keeps no report")
    parser.add_argument("--folder", metavar="PATH", help="keep the nodes' files on this disk instead of in memory")
    options = parser.parse_args()
    options.only = options.only.split(",")
    for way in options.only:
        if way not in WAYS:
            parser.error(f"there is no '{way}'; there are {', '.join(WAYS)}")
    if not 1 <= options.runs <= 100 or not 17 <= options.mib <= 65536:
        parser.error("1 to 100 rounds of 17 to 65536 MiB")
    return options


def measure_all(network, model, ways, runs):
    """The transfers to one alone and to all seven, a pair of lists by the title of each way."""
    alone, together = {way.title: [] for way in ways}, {way.title: [] for way in ways}
    for number in range(runs):
        # What goes first changes, as does who is alone.
        turn = number % len(ways)
        for way in ways[turn:] + ways[:turn]:
            text = f"  round {number + 1} of {runs}, {way.title}:"
            if way.alone is None:
                one = measure(network, model, way, [1 + number % (COUNT - 1)])
                alone[way.title].append(one)
                text += f" {one.last:.1f} s alone,"
            seven = measure(network, model, way, network.nodes[1:])
            together[way.title].append(seven)
            say(f"{text} {seven.last:.1f} s for seven (first {min(seven.seconds.values()):.1f}), "
                f"{seven.sent / model.bytes:.2f} files sent, processors {seven.busy:.0%}")
    return {way.title: (alone[way.alone or way.title], together[way.title]) for way in ways}


def verdict(values, aims):
    """Whether a median is within the bar and the stretch."""
    bar, stretch = aims
    return "stretch" if median(values) <= stretch else "yes" if median(values) <= bar else "no"


def render(found, model, network, rates, facts):
    lines = []
    for title, (alone, together) in found.items():
        ratios = [seven.last / one.last for one, seven in zip(alone, together)]
        egress = [seven.sent / model.bytes for seven in together]
        met = f"ratio: {verdict(ratios, RATIO)}, egress: {verdict(egress, EGRESS)}" if title == Mesh.title else ""
        lines.append([
            title, spread([one.last for one in alone]), spread([seven.last for seven in together]), spread(ratios),
            spread(egress), f"{median([seven.busy for seven in together]):.0%}", met])
    columns = ["way", ">one alone, s", ">all seven, s", ">ratio", ">egress, files", ">processors", "met"]
    floor = model.bytes * 8 / network.megabits / 1e6
    about = (
        f"{machine()}. {COUNT} nodes on one bridge, {network.megabits} Mbit/s each way; two that sent to each other got "
        f"{min(rates):.0f} Mbit/s of payload each. {model.bytes >> 20} MiB: at least {floor:.1f} s. {facts}")
    aims = (f"Bars: ratio at most {RATIO[0]}, stretch {RATIO[1]:.2f}; egress at most {EGRESS[0]}, stretch {EGRESS[1]}.\n")
    return "\n".join([HEAD, textwrap.fill(about, 124) + "\n", table(columns, lines), aims]) + NOTES


def congestion_control():
    with open("/proc/sys/net/ipv4/tcp_congestion_control") as file:
        return file.read().strip()


def bench(options):
    with ExitStack() as stack:
        network = stack.enter_context(Network())
        rates = network.rates()
        say(f"{COUNT} nodes; of {MEGABITS} Mbit/s, {' and '.join(f'{rate:.0f}' for rate in rates)} arrive")
        folder = stack.enter_context(Folder(options.mib, options.folder))
        model = Model(folder.make("source"), options.mib)
        ways, facts = [], [f"TCP {congestion_control()}", "files in memory (tmpfs)" if folder.in_memory else "files on one disk"]
        if "hybrie" in options.only:
            mesh = stack.enter_context(Mesh(network, folder, model))
            seconds = mesh.introduce()
            say(f"all nodes know each other after {seconds:.1f} s")
            facts += [f"HybrIE {revision()}", f"all nodes knew each other {seconds:.1f} s after the first introduction"]
            ways.append(mesh)
        if set(options.only) - {"hybrie"}:
            swarm_peers.install()
            facts.append(swarm_peers.versions())
        if "rsync" in options.only:
            ways.append(swarm_peers.Rsync(folder, model))
        if "libtorrent" in options.only:
            ways += [swarm_peers.Torrent(folder, model, seed) for seed in ("seed", "super-seed")]
        found = measure_all(network, model, ways, options.runs)
        return render(found, model, network, rates, "; ".join(facts) + ".")


def main():
    options = arguments()
    end_all_on_signals()
    try:
        if "hybrie" in options.only:
            run([HYBRIE, "peers", "--help"], 30)
        text = bench(options)
    except Unsupported as reason:
        say(f"no network of namespaces here: {reason}")
        sys.exit(77)
    except (Failure, OSError) as failure:
        sys.exit(str(failure))
    print(text)
    if set(options.only) == set(WAYS):
        with open(PATH, "w") as file:
            file.write(text)


main()
