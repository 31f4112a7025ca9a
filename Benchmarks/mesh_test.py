"""The mesh on a network of namespaces, first whole and then broken on the way; see `script/test-mesh`."""
import argparse
import os
import signal
import sys
import time
from contextlib import ExitStack

from measure import HYBRIE, Failure, end, end_all_on_signals, run, say
from mesh_nodes import Mesh
from namespaces import MEGABITS, Network, Unsupported
from swarm_files import MIB, Folder, Model
from transfers import measure, tail

RECEIVERS = range(1, 8)
DEADLINE = 300
# Megabits per second of the second run: what is to happen on the way needs a way.
SLOW = 40
# Whose pull is killed, whose server, and who is cut off from whom for how many seconds; each at the share of the file that
# the first named has received by then.
KILLED_PULL, KILLED_SERVER = (2, 0.2), (3, 0.4)
SIDES, PARTED_AT, PARTED = (range(0, 4), range(4, 8)), 0.55, 10


class Checks:
    """What was found to be so, or not."""

    def __init__(self):
        self.passed = self.failed = 0

    def that(self, claim, is_so, seen=""):
        self.passed, self.failed = self.passed + bool(is_so), self.failed + (not is_so)
        print(f"{'ok    ' if is_so else 'FAILED'}  {claim}" + (f": {seen}" if seen else ""), flush=True)

    def step(self, claim, action, shown=lambda found: ""):
        """What `action` returns, shown; without it nothing further can be checked."""
        try:
            found = action()
        except Failure as failure:
            self.that(claim, False, str(failure))
            raise
        self.that(claim, True, shown(found))
        return found


def whole(checks, network, mesh, model):
    """One receiver alone, then seven at once."""
    def shown(found):
        return f"{found.last:.1f} s, {found.sent / model.bytes:.2f} files left n0, processors {found.busy:.0%} busy"

    checks.step("one node gets the model, with the right digest",
                lambda: measure(network, model, mesh, [1], DEADLINE), shown)
    seven = checks.step("seven nodes get it at once, with the right digest",
                        lambda: measure(network, model, mesh, RECEIVERS, DEADLINE), shown)
    share = seven.sent / model.bytes / len(RECEIVERS)
    checks.that("they have less than half of it from n0", share < 0.5, f"{share:.0%}")


class Broken:
    """Seven pulls at once, with kills and a partition."""

    def __init__(self, checks, network, mesh, model):
        self.checks, self.network, self.mesh, self.model = checks, network, mesh, model

    def share(self, node):
        """How much of the file's size a node has received since this began."""
        return (self.network.received(node) - self.before[node]) / self.model.bytes

    def reach(self, node, share):
        while self.share(node) < share and self.is_pulling(node):
            time.sleep(0.05)

    def is_pulling(self, node):
        return self.pulls[node].poll() is None

    @staticmethod
    def kill(child):
        os.kill(child.pid, signal.SIGKILL)
        end(child)

    def run(self):
        self.network.shape(SLOW)
        self.before = {node: self.network.received(node) for node in RECEIVERS}
        self.began = time.monotonic()
        self.pulls = {node: self.mesh.pull(node) for node in RECEIVERS}
        self.kill_pull(*KILLED_PULL)
        self.kill_server(*KILLED_SERVER)
        self.part()
        self.finish()

    def kill_pull(self, node, share):
        self.reach(node, share)
        self.checks.that(
            f"n{node}'s pull is killed on the way", self.is_pulling(node), f"{self.share(node):.0%} received")
        self.kill(self.pulls[node])
        time.sleep(1)
        self.pulls[node] = self.mesh.pull(node)

    def kill_server(self, node, share):
        self.reach(node, share)
        self.checks.that(
            f"n{node}'s server is killed while it pulls", self.is_pulling(node), f"{self.share(node):.0%} received")
        self.kill(self.mesh.servers[node])
        time.sleep(1)
        self.mesh.serve(node)

    def part(self):
        origins, others = SIDES
        first = others[0]
        self.reach(first, PARTED_AT)
        named = lambda side: f"n{side[0]} to n{side[-1]}"
        shares = lambda: ", ".join(f"n{node} {self.share(node):.0%}" for node in RECEIVERS)
        self.checks.that(
            f"{named(origins)} and {named(others)} are parted on the way", all(map(self.is_pulling, others)), shares())
        self.network.part(*SIDES)
        time.sleep(PARTED)
        seen = shares()
        self.network.heal()
        self.checks.that(
            f"healed after {PARTED} s, when some of them had still to finish", any(map(self.is_pulling, others)), seen)

    def finish(self):
        for node, pull in self.pulls.items():
            while self.is_pulling(node) and time.monotonic() - self.began < DEADLINE:
                time.sleep(0.05)
            claim = f"n{node} has the model, with the right digest"
            if pull.poll() != 0:
                reason = f"its pull ended with {pull.returncode}" if pull.returncode else f"not after {DEADLINE} s"
                self.checks.that(claim, False, f"{reason}: {tail(self.mesh.log(node, 'pull'))}")
                continue
            self.checks.step(
                claim, lambda: self.model.check(self.mesh.path(node)), lambda _: f"{self.share(node):.2f} files received")
        print(f"        all pulls had ended {time.monotonic() - self.began:.1f} s after they began")
        self.checks.step(
            "all nodes see each other online again", self.mesh.wait_online, lambda seconds: f"{seconds:.1f} s later")


def test(checks, options):
    with ExitStack() as stack:
        network = stack.enter_context(Network())
        checks.step(f"links of {MEGABITS} Mbit/s carry no more, both ways at once", network.rates,
                    lambda rates: " and ".join(f"{rate:.0f} Mbit/s" for rate in rates))
        folder = stack.enter_context(Folder(options.mib, options.folder))
        model = Model(folder.make("source"), options.mib)
        mesh = Mesh(network, folder, model)
        try:
            stack.enter_context(mesh)
            checks.step("all nodes see each other online after seven introductions to n0", mesh.introduce,
                        lambda seconds: f"{seconds:.1f} s")
            whole(checks, network, mesh, model)
            Broken(checks, network, mesh, model).run()
        except Failure:
            for node in network.nodes:
                say(f"n{node}'s server said:\n{tail(mesh.log(node, 'serve'))}")
            raise


def main():
    parser = argparse.ArgumentParser(prog="script/test-mesh", description="The mesh on eight namespaces, whole and broken.")
    parser.add_argument("--mib", type=int, default=64, metavar="N", help="the model's size, 64 if not given")
    parser.add_argument("--folder", metavar="PATH", help="keep the nodes' files on this disk instead of in memory")
    options = parser.parse_args()
    if not 32 <= options.mib <= 65536:
        parser.error("32 to 65536 MiB")
    end_all_on_signals()
    checks = Checks()
    try:
        run([HYBRIE, "peers", "--help"], 30)
        test(checks, options)
    except Unsupported as reason:
        say(f"no network of namespaces here: {reason}")
        sys.exit(77)
    except (Failure, OSError) as failure:
        # A step that failed has said so already.
        if not checks.failed:
            checks.that("the run goes to its end", False, str(failure))
    print(f"{checks.passed} passed, {checks.failed} failed")
    sys.exit(1 if checks.failed else 0)


main()
