"""Figures, how they are judged, and the file that keeps them: machine to row id to entry."""
import json
import os
from dataclasses import asdict, dataclass, field

from measure import ROOT, Failure, median

PATH = os.path.join(ROOT, "Benchmarks/results.json")


@dataclass
class Figure:
    """One line of the table."""
    test: str
    unit: str
    ours: list
    model: str = ""
    other: list = field(default_factory=list)
    other_is: str = ""
    winners: list = field(default_factory=list)
    ratio: float | None = None
    at_most: bool = False
    value: float | None = None  # what is judged: the ratio, or the figure itself
    bar: float | None = None
    stretch: float | None = None
    need_peer: bool = False
    limits: list = field(default_factory=list)
    share_is: float | None = None
    share_of: str = ""
    share_bar: float | None = None
    share_stretch: float | None = None

    def against(self, other, name, way, winners=()):
        """Compares run by run: `ours/other`, or `other/ours` where less is better."""
        self.other, self.other_is, self.winners = other, name, list(winners)
        pairs = zip(self.ours, other)
        self.ratio = median(a / b if way == "ours/other" else b / a for a, b in pairs)

    def ask(self, bar, stretch, at_most=False, need_peer=False):
        self.bar, self.stretch, self.at_most, self.need_peer = bar, stretch, at_most, need_peer
        self.value = self.ratio if self.ratio is not None or need_peer else median(self.ours)

    def share(self, value, of, bar, stretch):
        self.share_is, self.share_of, self.share_bar, self.share_stretch = value, of, bar, stretch

    def reaches(self, bar, share):
        if self.value is None:
            return None
        good = self.value <= bar if self.at_most else self.value >= bar
        return good and (share is None or self.share_is >= share)

    @property
    def verdict(self):
        if self.value is None:
            return "no peer"
        if self.reaches(self.stretch, self.share_stretch):
            return "stretch"
        return "yes" if self.reaches(self.bar, self.share_bar) else "no"


def load():
    """What was measured on each machine: row id to entry; an entry has its date, versions and figures."""
    try:
        with open(PATH) as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def save(entries):
    with open(PATH + ".part", "w") as file:
        json.dump(entries, file, indent=1)
    os.replace(PATH + ".part", PATH)


def entry(figures, **about):
    """Fails for a figure that can't be: a definition that gives nothing or less is wrong."""
    for figure in figures:
        if not all(0 < value < float("inf") for value in figure.ours + figure.other):
            raise Failure(f"{figure.model} {figure.test}: {figure.ours} against {figure.other} {figure.unit} can't be")
    return about | {"figures": [asdict(figure) for figure in figures]}


def figures(entry):
    return [Figure(**values) for values in entry["figures"]]
