"""A ZIP with the attached files: whose, under which names, and for whom."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from exports.access import Access
from exports.form_export import ExportResult
from exports.media import FileRights
from exports.options import Options
from forms.problems import Problem, Problems
from server.store import attachments, published
from server.store.attachments import Carrier, FileView, NewFile
from server.store.database import Store
from server.store.files import Files
from server.store.models import PublishedForm
from tests.exports.exporting import export_form
from tests.exports.filled import NOON, keep, made_up_form

FACE, WOUND = "/uji/face", "/uji/wound"


def arrived(store: Store, submission: int, **content: bytes) -> None:
    """Files come for a submission; ``_`` in a name stands for its dot."""
    files = Files(store.home, store.keys)
    for name, body in content.items():
        staged = files.stage()
        staged.write(body)
        new = NewFile(name.replace("_", "."), staged.keep(), len(body), "image/jpeg")
        with store.transaction():
            attachments.attach(submission, [new], NOON)
        staged.settle()


@pytest.fixture
def sent(store: Store) -> Store:
    """Three submissions: two name different pictures alike, the third did not agree to sharing.

    The form asks for consent in a place of its own, not in ``loc`` as the shipped ones do.
    """
    form = made_up_form(
        {"face": "binary", "wound": "binary", "name": "string", "consent_share": "select1: yes no"},
        sensitive={"face": "identity", "wound": "violence"},
    )
    published.publish(form, b"", {}, NOON)
    agreed = {"consent_share": "yes"}
    first = keep(
        store, form, agreed, "uuid:1", expected_files={"foto.jpg": FACE, "luka.jpg": WOUND, "nanti.jpg": FACE}
    )
    second = keep(store, form, agreed, "uuid:2", expected_files={"Foto.JPG": FACE})
    third = keep(
        store,
        form,
        {"consent_share": "no"},
        "uuid:3",
        expected_files={"foto.jpg": FACE},
    )
    arrived(store, first, foto_jpg=b"satu" * 100_000, luka_jpg=b"luka")
    arrived(store, second, Foto_JPG=b"dua")
    arrived(store, third, foto_jpg=b"satu" * 100_000)
    return store


def exported(
    store: Store, folder: Path, role: str | None
) -> tuple[ExportResult, dict[str, bytes], list[list[str]]]:
    """The files in ``media/``, and the list of them."""
    result = export_form("uji", folder / "uji.zip", store, reader=Access(role), media=True)
    with zipfile.ZipFile(folder / "uji.zip") as packed:
        assert packed.testzip() is None
        names = [n for n in packed.namelist() if n.startswith("media/")]
        told = list(csv.reader(io.StringIO(packed.read("posmigran/lampiran.csv").decode())))
        return result, {name: packed.read(name) for name in names}, told[1:]


def test_files_lie_in_media_by_their_names_and_a_list_says_whose_they_are(
    sent: Store, tmp_path: Path
) -> None:
    result, media, told = exported(sent, tmp_path, "ppa")
    assert media == {
        "media/foto.jpg": b"satu" * 100_000,
        "media/luka.jpg": b"luka",
        "media/Foto~2.JPG": b"dua",  # another picture, and Windows would not tell the names apart
    }
    assert result.files == 3
    assert told == [
        ["uuid:1", "foto.jpg", FACE, "media/foto.jpg"],
        ["uuid:1", "luka.jpg", WOUND, "media/luka.jpg"],
        ["uuid:1", "nanti.jpg", FACE, "belum datang"],
        ["uuid:2", "Foto.JPG", FACE, "media/Foto~2.JPG"],
        ["uuid:3", "foto.jpg", FACE, "media/foto.jpg"],
    ]


def test_nobody_gets_files_or_their_names_that_they_may_not_open(sent: Store, tmp_path: Path) -> None:
    _, media, told = exported(sent, tmp_path, "disnaker")
    assert set(media) == {"media/foto.jpg", "media/Foto~2.JPG"}
    assert "luka.jpg" not in {line[1] for line in told}
    assert "uuid:3" not in {line[0] for line in told}, "who did not agree to sharing"
    for role in ("province", "admin"):
        with pytest.raises(Problem) as refused:
            exported(sent, tmp_path, role)
        assert refused.value.problem is Problems.FORBIDDEN


@pytest.mark.parametrize(
    ("question", "version", "may"),
    [
        ((FACE,), "made", True),
        ((), "made", False),
        (("/uji/meta/audit",), "made", False),
        ((FACE, "/uji/meta/audit"), "made", False),
        ((FACE,), "never published", False),
    ],
    ids=[
        "a question's",
        "nobody knows whose",
        "the log of answers",
        "also the log",
        "of a version not known",
    ],
)
@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_what_is_not_known_to_be_harmless_takes_every_right(
    sent: Store, question: tuple[str, ...], version: str, may: bool
) -> None:
    [(known,)] = PublishedForm.select(PublishedForm.version).where(PublishedForm.form_id == "uji").tuples()
    file = FileView(1, "a", True, "0", 1, None, NOON, question)
    carrier = Carrier("uji", known if version == "made" else version, "uuid:1", "35.07", None, NOON, (file,))
    assert FileRights(Access("disnaker")).may_open(carrier, file, agreed=True) is may
    assert FileRights(Access("ppa")).may_open(carrier, file, agreed=True)


@pytest.mark.parametrize("later", ["face", "portrait"], ids=["alike", "renamed"])
@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_a_file_is_as_secret_as_its_question_is_in_the_strictest_version(
    sent: Store, tmp_path: Path, later: str
) -> None:
    file = FileView(1, "a", True, "0", 1, None, NOON, (FACE,))
    carrier = Carrier("uji", "1", "uuid:1", "35.07", None, NOON, (file,))
    disnaker = Access("disnaker")
    assert FileRights(disnaker).may_open(carrier, file, agreed=True)
    stricter = made_up_form({later: "binary", "name": "string"}, version="2", sensitive={later: "violence"})
    same_words = stricter.xform.replace(f"Label {later}", "Label face")
    published.publish(replace(stricter, xform=same_words), b"", {}, NOON)
    assert not FileRights(disnaker).may_open(carrier, file, agreed=True)
    assert FileRights(Access("ppa")).may_open(carrier, file, agreed=True)
    # and what is sent with the later one no less, as it is called there
    file = FileView(1, "a", True, "0", 1, None, NOON, (f"/uji/{later}",))
    carrier = Carrier("uji", "2", "uuid:9", "35.07", None, NOON, (file,))
    assert not FileRights(disnaker).may_open(carrier, file, agreed=True)
    looser = made_up_form({later: "binary", "name": "string"}, version="3")
    published.publish(
        replace(looser, xform=looser.xform.replace(f"Label {later}", "Label face")), b"", {}, NOON
    )
    newest = replace(carrier, version="3")
    assert not FileRights(disnaker).may_open(newest, file, agreed=True)


def test_a_file_that_is_damaged_on_the_disk_is_told_and_the_others_come(sent: Store, tmp_path: Path) -> None:
    largest = max((sent.home / "attachments").glob("??/*"), key=lambda file: file.stat().st_size)
    with largest.open("r+b") as stream:
        stream.seek(-1, io.SEEK_END)  # it is noticed at its very end
        stream.write(b"?")
    _, media, told = exported(sent, tmp_path, None)
    assert set(media.values()) == {b"luka", b"dua"}
    assert next(line[3] for line in told if line[0] == "uuid:1") == "rusak di server, hubungi pengelola"


def test_only_a_zip_takes_files() -> None:
    with pytest.raises(Problem) as refused:
        Options.for_kind("xlsx", media=True)
    assert refused.value.problem is Problems.MEDIA_ZIP_ONLY
