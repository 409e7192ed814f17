"""What phones can see: the open forms and their attached lists, kept at hand until a publication changes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from forms.problems import Problem, Problems
from server.openrosa.answers import Document, md5
from server.store import areas, counters, editions, entity_lists, published
from server.store.case_list import CASE_LIST, kasus_csv
from server.store.database import Store
from server.store.desks import KnownDesk
from server.store.editions import AREA_LIST, Edition
from server.store.entity_lists import Reader
from server.store.published import ListedForm

_MOST_WRITTEN = 256
"""Lists of forms and manifests that are kept ready, of a few kB each."""
_LONGEST_WRITTEN = 64_000
"""Bytes of one that is kept. Links begin with the host that the phone named, which a stranger's phone may make long."""


@dataclass(frozen=True)
class Shown:
    """Everything that phones can see at one revision, until lists change by themselves.

    ``forms`` is keyed by whether the desk is a draft desk, ``by_hash`` likewise.
    """

    revision: int
    until: datetime | None
    forms: dict[bool, tuple[ListedForm, ...]]
    by_hash: dict[bool, dict[str, ListedForm]]
    lists: dict[str, Edition]
    entity_lists: dict[str, tuple[str, ...]]
    """Name (``pmi``) -> the properties that phones get."""
    _written: dict[tuple[object, ...], Document] = field(default_factory=dict, repr=False, compare=False)

    def form(self, form_hash: str, desk: KnownDesk) -> ListedForm:
        """The open form with this hash, if the desk may have it. Raises :class:`Problem` (NOT_FOUND)."""
        found = self.by_hash[desk.draft].get(form_hash)
        if found is None:
            raise Problem(Problems.NOT_FOUND)
        return found

    def written(self, about: tuple[object, ...], write: Callable[[], Document]) -> Document:
        """What ``write`` gives, written once for the same ``about``: all that it hangs on besides this.

        Phones ask again and again for what has not changed, each desk under an address of its own.
        """
        document = self._written.get(about)
        if document is None:
            if len(self._written) >= _MOST_WRITTEN:  # addresses come from outside: there is no end of them
                self._written.clear()
            document = write()
            if len(document.body) <= _LONGEST_WRITTEN:
                self._written[about] = document
        return document


@dataclass(frozen=True)
class MediaFile:
    """An attached list as a desk gets it.

    ``hash`` is the MD5 of the content, except for an entity list: there it is only what changes with the content
    (COLLECT 3.7). ``load`` gives the content; phones ask far more often than anything changes.
    """

    filename: str
    hash: str
    load: Callable[[], bytes]
    entity_list: str | None = None


class Catalogue:
    """Reads the store when the count of publications has moved. Call from readers only."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._shown = Shown(-1, None, {}, {}, {}, {})
        self._looked_at = clock()
        self._xforms: dict[str, bytes] = {}
        self._area_list = lru_cache(maxsize=128)(_area_list)
        # a village's phones ask for the same list; the largest are some megabytes
        self._csv_of = lru_cache(maxsize=8)(self._read_csv)

    def shown(self) -> Shown:
        """What there is to see now."""
        revision = counters.current(counters.PUBLISHED)
        shown, now = self._shown, self._clock()
        turned_back = now < self._looked_at  # a clock that was ahead showed lists that have not begun
        if revision != shown.revision or turned_back or (shown.until is not None and now >= shown.until):
            self._looked_at = now
            ordinary, drafts = published.forms_for_phones()
            forms = {False: tuple(ordinary), True: tuple(drafts)}
            by_hash = {draft: {f.hash: f for f in offered} for draft, offered in forms.items()}
            lists, until = editions.lists_at(now)
            entities = published.entity_lists([*ordinary, *drafts])
            self._shown = shown = Shown(revision, until, forms, by_hash, lists, entities)
        return shown

    def xform(self, form_hash: str, desk: KnownDesk) -> bytes:
        """The exact bytes that the hash was taken of. Raises :class:`Problem` (NOT_FOUND)."""
        listed = self.shown().form(form_hash, desk)
        body = self._xforms.get(form_hash)
        if body is None:
            form = published.get_form(listed.form_id, listed.version)
            if form is None:
                raise Problem(Problems.NOT_FOUND)
            body = self._xforms[form_hash] = form.xform.encode()
        return body

    def media(self, shown: Shown, form: ListedForm, desk: KnownDesk) -> list[MediaFile]:
        """All files of a form for this desk, as they are ``shown`` now.

        Raises :class:`Problem` (STORE_BUSY) where one is missing: a shortened manifest would leave a phone with
        empty look-ups and no error (COLLECT 2.16), a 503 makes it try again.
        """
        return [self.media_file(shown, form, name, desk) for name in form.media]

    def media_file(self, shown: Shown, form: ListedForm, filename: str, desk: KnownDesk) -> MediaFile:
        """One file of a form for this desk, as it is ``shown`` now.

        Raises :class:`Problem` (MEDIA_UNKNOWN, STORE_BUSY).
        """
        if filename not in form.media:
            raise Problem(Problems.MEDIA_UNKNOWN, file=filename, form_id=form.form_id)
        if filename == AREA_LIST:
            return self._area_list(desk.speaks_for)
        if filename == CASE_LIST:
            return _made(filename, kasus_csv(desk.knows, desk.role))
        name = filename.removesuffix(".csv")
        if filename.endswith(".csv") and name in shown.entity_lists:
            return self._entity_list(filename, name, shown.entity_lists[name], _reader(desk))
        edition = shown.lists.get(filename)
        if edition is None:
            raise Problem(Problems.STORE_BUSY)
        return MediaFile(filename, edition.hash, lambda: edition.content)

    def _entity_list(
        self, filename: str, name: str, properties: tuple[str, ...], reader: Reader
    ) -> MediaFile:
        digest = entity_lists.digest(name, reader, properties)
        return MediaFile(
            filename,
            digest,
            lambda: self._csv_of(digest, name, reader, properties),
            name,
        )

    def _read_csv(self, digest: str, name: str, reader: Reader, properties: tuple[str, ...]) -> bytes:
        """The content that has this digest, for as long as it has."""
        return entity_lists.csv_of(name, reader, properties, self._store)

    def gone(self, name: str, desk: KnownDesk, ids: list[str] | None) -> list[tuple[str, bool]]:
        """Which entities this desk's phones should forget. Raises :class:`Problem` (NOT_FOUND)."""
        if name not in self.shown().entity_lists:
            raise Problem(Problems.NOT_FOUND)
        return entity_lists.gone(name, _reader(desk), ids)


def _area_list(area: str) -> MediaFile:
    return _made(AREA_LIST, areas.desa_csv(area))


def _made(filename: str, content: bytes) -> MediaFile:
    return MediaFile(filename, md5(content), lambda: content)


def _reader(desk: KnownDesk) -> Reader:
    return Reader(desk.knows, unshared=desk.knows_unshared)
