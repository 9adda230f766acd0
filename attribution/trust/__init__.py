"""Which code files may run: kept per user, outside projects, with the hash of the file and of every local module that
it imports.

A project's folder never says so itself: who makes the folder would decide what runs on this machine.
"""

from attribution.trust.imports import code_file
from attribution.trust.question import Look, forget, look, say_yes, trust
from attribution.trust.store import place

__all__ = ["Look", "code_file", "forget", "look", "place", "say_yes", "trust"]
