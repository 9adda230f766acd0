"""Writes what the other programs are to read: run in Datablame's own environment, with the folder to write into."""

import sys
from pathlib import Path

from exported import archive_project, numbers_project, picture_project, sets_project

from attribution import Project

WORLDS = {"pictures": picture_project, "numbers": numbers_project, "sets": sets_project, "archive": archive_project}


def write(folder: Path) -> None:
    """Every exporter that suits each of some small projects and the moons and picture samples."""
    from attribution.exporters import exporters
    from attribution.exporters.base import made

    projects = {}
    for name, world in WORLDS.items():
        (folder / "data" / name).mkdir(parents=True)
        projects[name] = world(folder / "data" / name)[0]
    for name in ("moons", "fashion"):
        projects[name] = Project.sample(name, folder / "data" / name)
    for name, project in projects.items():
        project.tag([5], "to ask")
        for exporter in exporters.names():
            kind = exporters.get(exporter)
            if made(exporter).missing(project):
                continue
            for suffix in kind.formats:
                if suffix != ".zip" or "" not in kind.formats:
                    project.export(exporter, folder / name / f"{exporter}{suffix}")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
