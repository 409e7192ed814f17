"""What a phone gets from the running server, on both engines. Numbers are those of the notes on Collect."""

from __future__ import annotations

from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from server.openrosa import answers, documents
from server.openrosa.answers import FormEntry
from server.openrosa.catalogue import MediaFile
from server.openrosa.envelope import envelope
from tests.openrosa.asking import raw
from tests.openrosa.conftest import Running, again


def test_whatever_a_form_a_file_or_a_message_is_called_reaches_the_phone_as_it_is() -> None:
    odd = 'a<b> & "c" é/?#%.csv'
    (form,) = ElementTree.fromstring(
        answers.form_list([FormEntry(odd, odd, odd, "0" * 32, "http://x/?a&b", None)])
    )
    assert [element.text for element in form] == [odd, odd, odd, f"md5:{'0' * 32}", "http://x/?a&b"]
    written = documents._manifest([MediaFile(odd, "1", lambda: b"")], "http://x", "2").body
    (file,) = ElementTree.fromstring(written)
    name, _, link = (element.text or "" for element in file)
    path = link.removeprefix("http://x/forms/2/media/")
    assert (name, unquote(path)) == (odd, odd)
    assert not set(path) & set("/?#<>& ")
    (message,) = ElementTree.fromstring(envelope(odd, odd))
    assert (message.text, message.get("nature")) == (odd, odd)


@pytest.mark.parametrize("how", ["token", "digest"])
def test_a_phone_gets_both_forms_with_all_lists_and_sends(
    running: Running, filled: dict[str, bytes], how: str
) -> None:
    phone = running.phone() if how == "token" else running.digest_phone()
    forms = phone.sync()
    assert set(forms) >= {"berangkat", "pulang"}
    assert set(forms["berangkat"].media) == {"desa.csv", "negara.csv", "biaya.csv", "p3mi.csv", "kurs.csv"}
    villages = forms["berangkat"].media["desa.csv"].decode().splitlines()[1:]
    assert villages
    assert all(line.startswith("35.07.") for line in villages)
    result = phone.submit(again(filled["clean departure"]))
    assert (result.sent, result.status) == (True, 201)


def test_a_second_sync_finds_everything_on_the_phone(running: Running) -> None:
    phone = running.phone()
    phone.sync()
    phone.sync()
    assert phone.decisions["berangkat"] == "OnDevice"
    # a list of workers is never on the phone as a file: its form is looked at again (2.18)
    assert phone.decisions["pulang"] == "UpdatedMedia"


def test_lists_and_forms_are_revalidated_with_304(running: Running) -> None:
    first = raw(running.url)
    assert first.headers["Cache-Control"] == "private, no-cache"
    tag = first.headers["ETag"]
    for asked in (tag, f"W/{tag}", f'"other", {tag}'):
        second = raw(running.url, headers={"If-None-Match": asked})
        assert (second.status, second.read()) == (304, b"")
        assert second.headers["X-OpenRosa-Version"] == "1.0"
    assert raw(running.url, headers={"If-None-Match": '"other"'}).status == 200


def test_links_stand_under_the_token_and_name_the_host_that_was_asked(running: Running) -> None:
    for form in running.phone().form_list():
        assert form.download_url.startswith(running.url + "/forms/")
        assert form.manifest_url is not None
        assert form.manifest_url.startswith(running.url + "/forms/")
