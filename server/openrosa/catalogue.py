"""What phones can see: the open forms and their attached lists, kept at hand until a publication changes them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from forms.problems import Problem, Problems
from server.openrosa.answers import md5
from server.store import areas, counters, published
from server.store.desks import KnownDesk
from server.store.published import AREA_LIST, Edition, ListedForm


@dataclass(frozen=True)
class Shown:
    """Everything that phones can see at one revision."""

    revision: int
    forms: tuple[ListedForm, ...]
    by_hash: dict[str, ListedForm]
    lists: dict[str, Edition]


@dataclass(frozen=True)
class MediaFile:
    """An attached list as a desk gets it."""

    filename: str
    content: bytes
    hash: str


class Catalogue:
    """Reads the store when the count of publications has moved. Call from readers only."""

    def __init__(self) -> None:
        self._shown = Shown(-1, (), {}, {})
        self._xforms: dict[str, bytes] = {}
        self._area_list = lru_cache(maxsize=128)(_area_list)

    def shown(self) -> Shown:
        """What there is to see now."""
        revision = counters.current(counters.PUBLISHED)
        if revision != self._shown.revision:
            forms = tuple(published.current_forms())
            self._shown = Shown(revision, forms, {f.hash: f for f in forms}, published.newest_lists())
        return self._shown

    def form(self, form_hash: str) -> ListedForm:
        """The open form with this hash. Raises :class:`Problem` (NOT_FOUND)."""
        found = self.shown().by_hash.get(form_hash)
        if found is None:
            raise Problem(Problems.NOT_FOUND)
        return found

    def xform(self, form_hash: str) -> bytes:
        """The exact bytes that the hash was taken of. Raises :class:`Problem` (NOT_FOUND)."""
        listed = self.form(form_hash)
        body = self._xforms.get(form_hash)
        if body is None:
            form = published.get_form(listed.form_id, listed.version)
            if form is None:
                raise Problem(Problems.NOT_FOUND)
            body = self._xforms[form_hash] = form.xform.encode()
        return body

    def media(self, form: ListedForm, desk: KnownDesk) -> list[MediaFile]:
        """All files of a form for this desk.

        Raises :class:`Problem` (STORE_BUSY) where one is missing: a shortened manifest would leave a phone with
        empty look-ups and no error (COLLECT 2.16), a 503 makes it try again.
        """
        return [self.media_file(form, name, desk) for name in form.media]

    def media_file(self, form: ListedForm, filename: str, desk: KnownDesk) -> MediaFile:
        """One file of a form for this desk. Raises :class:`Problem` (MEDIA_UNKNOWN, STORE_BUSY)."""
        if filename not in form.media:
            raise Problem(Problems.MEDIA_UNKNOWN, file=filename, form_id=form.form_id)
        if filename == AREA_LIST:
            return self._area_list(desk.regency)
        edition = self.shown().lists.get(filename)
        if edition is None:
            raise Problem(Problems.STORE_BUSY)
        return MediaFile(filename, edition.content, edition.hash)


def _area_list(regency: str) -> MediaFile:
    content = areas.desa_csv(regency)
    return MediaFile(AREA_LIST, content, md5(content))
