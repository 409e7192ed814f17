"""The staff pages' addresses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import falcon.asgi
from falcon.asgi import Request, Response

from server.settings import Settings
from server.staff import correction_pages, desk_pages, export_pages, held_pages, roster_pages
from server.staff.attachments import Attachments, OpenAttachment
from server.staff.case_pages import Acknowledge, Assign, CaseList, CasePage, Close, Reopen
from server.staff.downloads import Download, Downloads
from server.staff.entity_pages import EntityConflicts, EntityPage
from server.staff.pages import Pages
from server.staff.rate_pages import RatePage
from server.staff.report_pages import Reports
from server.staff.sign_in import SignIn, SignOut
from server.staff.taking import PATIENCE, Taking
from server.store.database import Store
from server.store.files import Files
from server.store.readers import Readers
from server.store.writer import Writer


def add_routes(
    app: falcon.asgi.App[Request, Response],
    *,
    settings: Settings,
    store: Store,
    writer: Writer,
    readers: Readers,
    clock: Callable[[], datetime],
    patience: float = PATIENCE,
) -> Pages:
    """Put the pages into the application.

    ``patience``: seconds that a download waits for the sync process to write its file, before the browser gets a
    page that waits. Returns the :class:`Pages`, whose :meth:`Pages.fail` writes the pages for
    errors that arise outside of them (an unknown address).
    """
    pages = Pages(settings, store, writer, readers, clock)
    taking = Taking(pages, patience)
    app.add_route("/", CaseList(pages))
    app.add_route("/masuk", SignIn(pages))
    app.add_route("/keluar", SignOut(pages))
    app.add_route("/kasus/{ref}", CasePage(pages))
    app.add_route("/kasus/{ref}/terima", Acknowledge(pages))
    app.add_route("/kasus/{ref}/minta", Assign(pages))
    app.add_route("/kasus/{ref}/tutup", Close(pages))
    app.add_route("/kasus/{ref}/buka", Reopen(pages))
    app.add_route("/jaga", roster_pages.Rosters(pages))
    app.add_route("/jaga/catat", roster_pages.Note(pages))
    app.add_route("/jaga/hapus", roster_pages.Remove(pages))
    app.add_route("/jaga/berkas", roster_pages.Book(pages))
    app.add_route("/jaga/unggah", roster_pages.Upload(pages))
    app.add_route("/tanda", RatePage(pages))
    app.add_route("/daftar", EntityConflicts(pages))
    app.add_route("/daftar/{list_name}/{uuid}", EntityPage(pages))
    app.add_route("/unduh", Downloads(pages))
    app.add_route("/unduh/{form_id:path}", Download(pages, taking))
    app.add_route("/ekspor", export_pages.Exports(pages))
    app.add_route("/ekspor/{token}", export_pages.OneExport(pages))
    app.add_route("/ekspor/{token}/ambil", export_pages.TakeExport(pages, taking))
    app.add_route("/ekspor/{token}/batal", export_pages.CancelExport(pages))
    app.add_route("/ekspor/bulanan/{number:int(max=2000000000)}/henti", export_pages.StopMonthly(pages))
    app.add_route("/laporan", Reports(pages, taking))
    app.add_route("/meja", desk_pages.Desks(pages))
    app.add_route("/meja/lembar", desk_pages.Sheets(pages))
    others = {**held_pages.resources(pages, clock), **correction_pages.resources(pages, clock)}
    for address, resource in others.items():
        app.add_route(address, resource)
    app.add_route("/lampiran", Attachments(pages))
    app.add_route(
        "/lampiran/{number:int(max=2000000000)}", OpenAttachment(pages, Files(settings.home, store.keys))
    )
    app.add_route("/static/{name}", pages.assets)
    app.add_route("/favicon.ico", pages.assets, suffix="icon")
    return pages
