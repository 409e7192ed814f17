"""What phones download: the form list, manifests, forms, attached lists, and which entities are gone.

A form is addressed by the hash of its bytes, so that form ids may hold anything and a download can never be of
other bytes than the list promised (COLLECT 4.2).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from forms.problems import Problem, Problems
from server.openrosa import answers
from server.openrosa.answers import Document
from server.openrosa.catalogue import MediaFile
from server.openrosa.resource import Download, Visit
from server.store.published import ListedForm


class FormList(Download):
    """The list of open forms, by title; with ``?formID=`` only that one."""

    def find(self, visit: Visit, **parts: str) -> Document:
        """Raises :class:`Problem` (STORE_BUSY): never an empty list, which would wipe phones (2.20)."""
        shown, base, draft = self.door.catalogue.shown(), visit.base, visit.desk.draft
        forms = shown.forms[draft]
        if not forms:
            raise Problem(Problems.STORE_BUSY)
        only = visit.request.get_param("formID")  # the OpenRosa form list API; Collect never sends it (2.1)
        if only is not None:
            return _form_list(forms, base, only)
        return shown.written(("list", base, draft), lambda: _form_list(forms, base, None))


def _form_list(forms: Iterable[ListedForm], base: str, only: str | None) -> Document:
    return Document.of(
        answers.form_list(
            answers.FormEntry(
                f.form_id,
                f.title,
                f.version,
                f.hash,
                f"{base}/forms/{f.hash}.xml",
                f"{base}/forms/{f.hash}/manifest" if f.media else None,
            )
            for f in forms
            if only is None or f.form_id == only
        )
    )


class Manifest(Download):
    """The attached lists of a form."""

    def find(self, visit: Visit, form_hash: str = "", **parts: str) -> Document:
        """Raises :class:`Problem` (NOT_FOUND, STORE_BUSY)."""
        catalogue, base = self.door.catalogue, visit.base
        shown = catalogue.shown()
        files = catalogue.media(shown, shown.form(form_hash, visit.desk), visit.desk)
        hashes = tuple(f.hash for f in files)
        return shown.written(("manifest", base, form_hash, hashes), lambda: _manifest(files, base, form_hash))


def _manifest(files: Iterable[MediaFile], base: str, form_hash: str) -> Document:
    return Document.of(
        answers.manifest(
            answers.FileEntry(
                f.filename,
                f.hash,
                f"{base}/forms/{form_hash}/media/{quote(f.filename, safe='')}",
                f"{base}/entities/{quote(f.entity_list, safe='')}/integrity" if f.entity_list else None,
            )
            for f in files
        )
    )


class FormXml(Download):
    """A form's XForm: the very bytes that the hash is of."""

    def find(self, visit: Visit, form_hash: str = "", **parts: str) -> Document:
        """Raises :class:`Problem` (NOT_FOUND)."""
        return Document(form_hash, self.door.catalogue.xform(form_hash, visit.desk))


class Media(Download):
    """An attached list of a form; some are made for the desk: villages, workers, cases."""

    def find(self, visit: Visit, form_hash: str = "", filename: str = "", **parts: str) -> Document:
        """Raises :class:`Problem` (NOT_FOUND, MEDIA_UNKNOWN, STORE_BUSY)."""
        catalogue = self.door.catalogue
        shown = catalogue.shown()
        media = catalogue.media_file(shown, shown.form(form_hash, visit.desk), filename, visit.desk)
        kind = "text/csv; charset=utf-8" if filename.endswith(".csv") else "application/octet-stream"
        # phones ask far more often than anything changes: the content is made only where it is wanted
        return Document(media.hash, b"" if visit.has(media.hash) else media.load(), kind)


class Integrity(Download):
    """What became of the entities that a phone holds and its list no longer names (3.12)."""

    def find(self, visit: Visit, name: str = "", **parts: str) -> Document:
        """Those asked about (``?id=a,b``) or all of the desk's. Raises :class:`Problem` (NOT_FOUND)."""
        asked = visit.request.get_param("id")
        ids = None if asked is None else _ids(asked)
        return Document.of(answers.integrity(self.door.catalogue.gone(name, visit.desk, ids)))


def _ids(asked: Any) -> list[str]:
    ids = (part.strip().lower() for part in str(asked).split(","))
    return [one for one in ids if one.isprintable()]  # no database takes a NUL
