"""The documents as the tests read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FENCE = re.compile(r"^[ ]*```(\w*)\n(.*?)^[ ]*```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Document:
    """A Markdown file. ``prose`` is its text without fenced blocks."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def prose(self) -> str:
        return FENCE.sub("", self.text)

    def fenced(self, *languages: str) -> Iterator[str]:
        """The lines of fenced blocks in these languages, without their indent."""
        for language, block in FENCE.findall(self.text):
            if language in languages:
                yield from (line.strip() for line in block.splitlines() if line.strip())


def documents() -> list[Document]:
    """Every document of the project."""
    paths = [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "design").glob("*.md"),
    ]
    return [Document(path, path.read_text("utf-8")) for path in sorted(paths)]


def document(name: str) -> Document:
    return next(d for d in documents() if d.name == name)
