"""The files that came with submissions: who may have which, and putting them into a ZIP as ODK Central does.

They lie in ``media/`` under the names that the answers say. Where two submissions name different files alike, the
later one gets a number (``foto~2.jpg``), and a list beside them says which file belongs to which submission.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Final

from exports.access import ALL_KINDS, Access
from exports.packing import Package
from exports.values import Cell
from exports.visible import Kinds, Version, relative, secrets
from exports.words import Lang, word
from server.store import attachments, published, records, submissions
from server.store.attachments import Carrier, FileView
from server.store.files import Files
from server.store.records import Record
from server.store.sealed_files import Unreadable

FOLDER: Final = "media"
_NO_FILE_NAME: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f\ud800-\udfff]')
Progress = Callable[[int, int], None]


class FileRights:
    """Which files a reader may open. Reads the store: call in a reader's thread.

    A picture or a recording shows a person, whatever the question: it takes the right to identities and to what
    the question is marked with, in any version of the form and under any name, as its column does. A file that no
    question is known for, and the log of answers as they were typed, take every right. Whoever sees a NIK only in
    part sees no file.
    """

    def __init__(self, reader: Access) -> None:
        self._reader = reader
        self._marks: dict[tuple[str, str], Mapping[str, Kinds] | None] = {}

    @staticmethod
    def any(reader: Access) -> bool:
        """Is there any file that this reader may open?"""
        return "identity" in reader.kinds and not reader.masks_nik

    def may_open(self, carrier: Carrier, file: FileView, *, agreed: bool | None = None) -> bool:
        """May this reader open the file? ``agreed``: whether the person agreed to sharing, where that is known."""
        reader = self._reader
        if not self.any(reader) or not reader.kinds.issuperset(self._kinds(carrier, file)):
            return False
        if reader.sees_unshared:
            return True
        return (
            agreed
            if agreed is not None
            else submissions.agreed_to_share(carrier.form_id, carrier.instance_id)
        )

    def _kinds(self, carrier: Carrier, file: FileView) -> set[str]:
        if not file.questions or any(path.endswith("/meta/audit") for path in file.questions):
            return set(ALL_KINDS)
        version = (carrier.form_id, carrier.version)
        if version not in self._marks:
            self._marks[version] = _marks(*version)
        marks = self._marks[version]
        if marks is None:
            return set(ALL_KINDS)
        paths = {path for question in file.questions for path in _around(relative(question))}
        return {"identity", *(kind for path in paths for kind in marks.get(path, ()))}


def _around(path: str) -> Iterator[str]:
    """A relative path and those of the groups that it lies in."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def _marks(form_id: str, version: str) -> Mapping[str, Kinds] | None:
    """The kinds of secrets by question, relative path; None where the version is not known."""
    hashes = published.version_hashes(form_id)
    if version not in hashes:  # a draft, of a trial
        known = published.hash_of(form_id, version)
        if known is None:
            return None
        hashes[version] = known
    return _marks_of(form_id, tuple(hashes.items()))


@lru_cache(maxsize=64)
def _marks_of(form_id: str, hashes: tuple[tuple[str, str], ...]) -> Mapping[str, Kinds]:
    """The same of these versions, with the MD5 of each: reading them takes longer than a page may."""
    forms = (published.get_form(form_id, version) for version, _ in hashes)
    return secrets(Version.read(form) for form in forms if form is not None)


class Media:
    """The files of the submissions of an export: noted while rows are written, put into the ZIP after them."""

    def __init__(self, reader: Access, files: Files, lang: Lang) -> None:
        self._rights = FileRights(reader)
        self._files = files
        self._lang = lang
        self._agreed = array("q")
        self._others = array("q")
        self._places: dict[tuple[str, str], str] = {}
        self._taken: set[str] = set()
        self._numbers: dict[str, int] = {}
        self.packed = 0

    def note(self, record: Record, *, shares: bool) -> None:
        """A row of this submission is in the export; ``shares``: did the person agree, as its row has it."""
        if record.files:
            (self._agreed if shares else self._others).append(record.id)

    def rows(self, package: Package, progress: Progress) -> Iterator[Sequence[Cell]]:
        """Put the files into ``package``; gives the list of them meanwhile, a header first.

        Whatever the reader may not open is not in the list either. A file that has not come, or that is damaged
        on this server's disk, is in the list and says so.
        """
        lang = self._lang
        yield ["KEY", word("m_file", lang), word("m_question", lang), word("m_place", lang)]
        done, total = 0, len(self._agreed) + len(self._others)
        for agreed, numbers in ((True, self._agreed), (False, self._others)):
            for start in range(0, len(numbers), records.PAGE):
                for carrier in attachments.of_numbers(list(numbers[start : start + records.PAGE])):
                    progress(done, total)
                    done += 1
                    for file in carrier.files:
                        if self._rights.may_open(carrier, file, agreed=agreed):
                            place = self._pack(package, file, lambda: progress(done, total))  # noqa: B023
                            yield [carrier.instance_id, file.filename, " ".join(file.questions), place]

    def _pack(self, package: Package, file: FileView, going_on: Callable[[], None]) -> str:
        """Put one file into the package; returns where it lies, or why it does not."""
        if file.address is None:
            return word("m_missing", self._lang)
        known = self._places.get((file.filename, file.address))
        if known is not None:  # an edit's files are often those of what it corrects
            return known
        place = self._free(file.filename)
        try:
            package.add_stored(place, _followed(self._files.read(file.address), going_on))
        except (FileNotFoundError, Unreadable):
            return word("m_damaged", self._lang)
        self._places[file.filename, file.address] = place
        self._taken.add(place.casefold())
        self.packed += 1
        return place

    def _free(self, filename: str) -> str:
        """A place that no other file has. Names that differ in case only are one on Windows."""
        plain = PurePosixPath(_NO_FILE_NAME.sub("_", filename).strip(". ") or "_")
        place, key = f"{FOLDER}/{plain}", str(plain).casefold()
        while place.casefold() in self._taken:
            number = self._numbers[key] = self._numbers.get(key, 1) + 1
            place = f"{FOLDER}/{plain.stem}~{number}{plain.suffix}"
        return place


def _followed(pieces: Iterator[bytes], going_on: Callable[[], None]) -> Iterator[bytes]:
    for number, piece in enumerate(pieces):
        if number % 256 == 0:  # 16 MiB: a film is long
            going_on()
        yield piece
