"""A desk's phone knows only what the server gave it: settings, form, lists."""

from __future__ import annotations

import base64
import json
import zlib

import pytest

from tests.phone.desk import DeskPhone
from tests.phone.interviews import Interview
from tests.phone.javarosa import AnswerRefusedError
from tests.phone.openrosa_server import OpenRosaServer, serve_form
from tests.phone.test_javarosa import LISTS, XFORM, honest

LIST = LISTS["desa.csv"].encode()


@pytest.fixture
def desk(server: OpenRosaServer) -> DeskPhone:
    serve_form(server, XFORM.encode(), {"desa.csv": LIST})
    settings = {"general": {"server_url": server.url}, "admin": {}}
    return DeskPhone.from_settings(base64.b64encode(zlib.compress(json.dumps(settings).encode())).decode())


def test_an_interview_held_with_the_downloaded_form_arrives_as_it_was_written(
    server: OpenRosaServer, desk: DeskPhone
) -> None:
    assert desk.sync() == ("small",)
    filled = desk.hold(Interview("one", "small", honest(), frozenset()), seed="demo")

    assert desk.send(filled).sent
    assert filled.xml in server.came[-1].body
    assert b'filename="Formulir kecil_' in server.came[-1].body
    assert desk.hold(Interview("one", "small", honest(), frozenset()), seed="demo").xml == filled.xml


def test_a_new_village_can_be_chosen_after_the_next_sync(server: OpenRosaServer, desk: DeskPhone) -> None:
    desk.sync()
    new = Interview("new", "small", honest(village="35.07.01.2009"), frozenset())
    with pytest.raises(AnswerRefusedError):
        desk.hold(new)

    serve_form(server, XFORM.encode(), {"desa.csv": LIST + b"35.07.01.2009,Baru\n"})
    desk.sync()
    assert b"35.07.01.2009" in desk.hold(new).xml
