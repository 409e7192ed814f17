"""The few rows of a list that a submission is about, where the whole list is made for each phone.

Workers and cases are lists of thousands that change with every submission; to judge one, only what it chose is
read. What cannot be told from that is an error in its verdict, and the phone's word counts.
"""

from __future__ import annotations

from forms.instance import Node
from forms.lists import NAME, ListTable
from forms.xpath import XPathError


class KnownRows(ListTable):
    """A list of which some rows are at hand, by their key. Asked for anything else it raises XPathError."""

    def find(self, column: str, value: str) -> tuple[int, ...]:
        """Numbers of the rows with this key; an empty key is nobody's."""
        rows = super().find(column, value) if column == NAME else ()
        if not rows and value:
            raise XPathError(f"the row of {self.name} that this asks for is not known here")
        return rows

    @property
    def root(self) -> Node:
        """The whole list is not here."""
        raise XPathError(f"only single rows of {self.name} are known here")
