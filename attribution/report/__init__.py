"""The report of a project: one HTML file that needs nothing else, and a short Markdown summary for a pull request.

Everything in it is read from finished results; nothing is computed, and no torch is needed. A section is one file in
``sections/``.
"""

from attribution.report.markdown import summary
from attribution.report.page import page, write
from attribution.report.sections import Section, register, sections
from attribution.report.state import State

__all__ = ["Section", "State", "page", "register", "sections", "summary", "write"]
