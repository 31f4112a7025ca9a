"""One transfer: from node 0 to some receivers at once, timed, its bytes counted and its files checked."""
import os
import time
from dataclasses import dataclass

from measure import Failure


@dataclass
class Transfer:
    """What one transfer took."""
    seconds: dict  # by receiver
    sent: int  # bytes that left the origin
    busy: float  # share of the processors' time

    @property
    def last(self):
        return max(self.seconds.values())


class Way:
    """A way of spreading a file; `begin` is called when `prepare` has done what needs no network."""
    title = ""
    alone = None  # the title of the way whose time for one receiver counts, if not this one's own

    def prepare(self, receivers):
        pass

    def begin(self, receivers):
        """Starts all receivers. Returns for each a function that says whether it has the file."""
        raise NotImplementedError

    def path(self, node):
        """Where the node has the file then."""
        raise NotImplementedError

    def clear(self, receivers):
        """Ends what runs for this transfer and takes the file away again."""
        raise NotImplementedError


def measure(network, model, way, receivers, deadline=1800):
    try:
        way.prepare(receivers)
        sent, (busy, total), began = network.sent(0), processors(), time.monotonic()
        seconds = wait(way.begin(receivers), began, deadline)
        sent, (busy_now, total_now) = network.sent(0) - sent, processors()
        for node in receivers:
            model.check(way.path(node))
    finally:
        way.clear(receivers)
    return Transfer(seconds, sent, (busy_now - busy) / (total_now - total))


def wait(pending, began, deadline):
    """Seconds from `began` until each of `pending` (receiver to function) was done."""
    pending, seconds = dict(pending), {}
    while pending:
        now = time.monotonic() - began
        if now > deadline:
            raise Failure(f"after {deadline} s, {', '.join(f'n{node}' for node in pending)} have nothing whole")
        for node in [node for node, is_done in pending.items() if is_done()]:
            seconds[node] = time.monotonic() - began
            del pending[node]
        time.sleep(0.01)
    return seconds


def ended(child, log):
    """A function that says whether a child has ended; it fails if that went wrong."""
    def is_done():
        code = child.poll()
        if code:
            raise Failure(f"{' '.join(child.args)} ended with {code}: {tail(log)}")
        return code == 0
    return is_done


def tail(path, lines=5):
    try:
        with open(path, errors="replace") as file:
            return "\n".join(file.read().splitlines()[-lines:])
    except OSError:
        return ""


def processors():
    """(ticks busy, ticks in all) of all processors since they were started."""
    with open("/proc/stat") as file:
        ticks = [int(field) for field in file.readline().split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)
