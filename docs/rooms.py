"""Counts the package's rooms, the imports between them, circles and arrows up. Run: python docs/rooms.py [CHECKOUT]"""

import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import grimp

PACKAGE = "attribution"
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class House:
    """The rooms of a package (files and folders directly in it) and its arrows: room A imports from room B."""

    rooms: frozenset[str]
    arrows: dict[tuple[str, str], list[str]]  # (from, to) -> the imports behind the arrow, "a.b -> c.d"

    def below(self, room: str) -> set[str]:
        """The rooms that a room reaches along arrows, in any number of steps."""
        found: set[str] = set()
        ahead = [room]
        while ahead:
            here = ahead.pop()
            fresh = {to for start, to in self.arrows if start == here} - found
            found |= fresh
            ahead += fresh
        return found

    def circles(self) -> list[frozenset[str]]:
        """Groups of rooms that reach one another."""
        below = {room: self.below(room) for room in self.rooms}
        groups = {frozenset(b for b in below[a] if a in below[b]) for a in self.rooms if a in below[a]}
        return sorted(groups, key=sorted)

    def floors(self) -> int:
        """Rooms on the longest way down; a circle counts once."""
        below = {room: self.below(room) for room in self.rooms}
        depth: dict[str, int] = {}
        for room in sorted(self.rooms, key=lambda name: len(below[name] | {name})):
            depth[room] = 1 + max((depth[under] for under in below[room] if room not in below[under]), default=0)
        return max(depth.values(), default=0)

    def upward(self, storeys: Iterable[Iterable[str]]) -> list[str]:
        """Arrows to a higher storey, or within one, and rooms that no storey names (storeys from the top down)."""
        height = {room: -number for number, storey in enumerate(storeys) for room in storey}
        lost = [f"{room} stands in no storey" for room in sorted(self.rooms - set(height))]
        up = [
            f"{start} -> {to}: {', '.join(behind)}"
            for (start, to), behind in sorted(self.arrows.items())
            if start in height and to in height and height[to] >= height[start]
        ]
        return lost + up


def house(checkout: Path = ROOT, inside: str = PACKAGE, typing: bool = False) -> House:
    """The rooms of `inside` (a package, dotted) in a checkout; `typing` counts imports for the type checker as well."""
    sys.path.insert(0, str(checkout))
    try:
        graph = grimp.build_graph(PACKAGE, exclude_type_checking_imports=not typing, cache_dir=None)
    finally:
        sys.path.remove(str(checkout))

    def room(module: str) -> str:
        return module.removeprefix(inside + ".").split(".")[0]

    modules = {module for module in graph.modules if module.startswith(inside + ".")}
    arrows: dict[tuple[str, str], list[str]] = {}
    for start in sorted(modules):
        for to in sorted(graph.find_modules_directly_imported_by(start) & modules):
            if room(start) != room(to):
                arrows.setdefault((room(start), room(to)), []).append(f"{start} -> {to}")
    return House(frozenset(room(module) for module in modules), arrows)


def storeys(inside: str = PACKAGE, checkout: Path = ROOT) -> list[list[str]]:
    """The layers that pyproject.toml allows inside a package, from the top down."""
    contracts = tomllib.loads((checkout / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(item["layers"] for item in contracts if item.get("containers") == [inside])
    return [[room.strip() for room in layer.split("|")] for layer in layers]


def counted(checkout: Path = ROOT) -> str:
    """Rooms, arrows, circles, floors and arrows up, at run time and with what only the type checker reads."""
    lines = []
    for title, typing in (("at run time", False), ("with imports for the type checker", True)):
        plan = house(checkout, typing=typing)
        circles = plan.circles()
        lines.append(
            f"{title}: {len(plan.rooms)} rooms, {len(plan.arrows)} arrows, {len(circles)} circles, "
            f"{plan.floors()} floors, {len(plan.upward(storeys(checkout=checkout)))} arrows up"
        )
        lines += [f"  circle: {', '.join(sorted(group))}" for group in circles]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(counted(Path(sys.argv[1]).resolve() if sys.argv[1:] else ROOT) + "\n")
