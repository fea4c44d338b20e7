"""The elements that show a file as it is."""

from __future__ import annotations

from webapp.authoring.elements.element import Element


class File(Element):
    """A file that people can download.

    Example
    -------
    ::

        report = File(name="report.csv", content="city,sales\\nBern,12\\n")
        await Message(content="Here is your report.", elements=[report]).send()
    """

    kind = "file"
