"""Where submissions come in."""

from __future__ import annotations

import contextlib

import falcon
import structlog
from falcon.asgi import Request, Response

from forms.problems import Problem, Problems
from server.intake.intake import Prepared
from server.intake.judging import CLOSED
from server.intake.upload import Oversized, Receipt, Upload
from server.logs import where
from server.openrosa import answers, multipart_body
from server.openrosa.credentials import Asking
from server.openrosa.memory import SMALL
from server.openrosa.multipart_body import Received
from server.openrosa.resource import Resource
from server.store.attachments import NewFile
from server.store.desks import KnownDesk
from server.store.files import named
from server.store.room import Room, left

log = structlog.get_logger()

_DRAINED = 1_000_000  # bytes read before an error is answered, so that it is not lost in a reset (5.19)
_DEVICE_ID = 255  # characters kept of deviceID, as Central


class Submission(Resource):
    """``/submission``."""

    async def on_head(self, request: Request, response: Response, token: str | None = None) -> None:
        """204 exactly: any other 2xx makes Collect doubt the address (5.2)."""
        door, asking = self.door, self.door.asking(request, token)
        door.speak(response)
        await door.admitted(asking, lambda desk: desk)
        response.status = 204

    on_get = on_head

    async def on_post(self, request: Request, response: Response, token: str | None = None) -> None:
        """201 once the submission and all that it owes are on disk; the same bytes again are 201 again."""
        door, asking = self.door, self.door.asking(request, token)
        door.speak(response)
        places: list[int] = []
        try:
            await self._post(request, response, asking, places)
        finally:
            for desk_id in places:
                door.memory.leave(desk_id)

    async def _post(self, request: Request, response: Response, asking: Asking, places: list[int]) -> None:
        received = await self._receive(request, asking, places)
        with_files = any(staged is not received.document for _, _, staged in received.staged)
        try:
            desk, receipt = await self._keep(received, asking, _device_id(request))
        except Problem as problem:
            # whoever refused has undone it; only where the database failed nobody knows
            await self._finish(received, sure=problem.problem is not Problems.STORE_BUSY)
            raise
        except Exception:
            await self._finish(received)
            raise
        except BaseException:  # whoever ends this task does not end the writer, which may yet name the files
            received.leave()
            raise
        finally:
            received.let_go()
        await self._finish(received, sure=True)
        if receipt.state in ("quarantined", "refused"):
            # no instanceID here: a client chooses it, so it could say anything
            log.warning(f"submission.{receipt.state}", desk=desk.slug)
        if receipt.problem is not None:
            raise receipt.problem
        if receipt.left_out is not None:
            if receipt.state != "quarantined":
                raise receipt.left_out
            # nobody must think that the answers count already, only because the files are spoken of
            kind, text = receipt.left_out.kind, receipt.left_out.text("id")
            answers.say(response, kind.status, f"{text} {_NOT_JUDGED}", nature=f"error {kind.code}")
            return
        answers.say(response, 201, _thanks(receipt, with_files=with_files))

    async def _receive(self, request: Request, asking: Asking, places: list[int]) -> Received:
        """The whole body. Raises :class:`Problem`, once enough of it is read for the answer to arrive.

        Whose place it takes among those that write to staging files, if it does, is in ``places`` then.
        """
        door, length = self.door, request.content_length

        async def ask_room() -> Room:
            desk_id, room = await door.admitted(asking, lambda desk: (desk.id, left(desk.id, door.bounds)))
            door.memory.enter(desk_id)
            places.append(desk_id)
            return room

        try:
            # Nobody unknown may send megabytes, or anything that goes to the disk; a few kilobytes are read first, and
            # the writer asks who sent them: one thread less to wake for each ordinary submission.
            small = length is not None and length <= SMALL
            room = None if small else await ask_room()
            with door.writer.coming():
                return await multipart_body.receive(
                    request.stream,
                    request.content_type or "",
                    length,
                    door.files,
                    door.readers,
                    door.memory,
                    room=room,
                    ask_room=ask_room,
                )
        except Problem:
            await _drain(request)
            await door.admitted(asking, lambda desk: desk)  # a stranger hears that first
            raise

    async def _keep(
        self, received: Received, asking: Asking, device_id: str | None
    ) -> tuple[KnownDesk, Receipt]:
        """Everything on disk: the files first, then one transaction. Raises :class:`Problem`."""
        door = self.door
        kept: list[NewFile] = []
        document: NewFile | None = None
        if received.staged:  # nothing of an unknown sender stays on disk
            kept, document = await door.admitted(asking, lambda _: received.keep())
        if received.spooled is None:
            return await self._take(received, kept, document, asking, device_id)
        sender = await door.admitted(asking, lambda desk: desk)
        async with door.memory.turn(sender.id):
            await door.readers.run(received.load)
            try:
                return await self._take(received, kept, document, asking, device_id, large=True)
            finally:
                received.let_go()

    async def _take(
        self,
        received: Received,
        kept: list[NewFile],
        document: NewFile | None,
        asking: Asking,
        device_id: str | None,
        *,
        large: bool = False,
    ) -> tuple[KnownDesk, Receipt]:
        door, xml = self.door, received.xml  # the writer may come to it after this task has ended
        oversized = Oversized(received.oversized, document) if received.oversized is not None else None

        def upload(desk: KnownDesk) -> Upload:
            return Upload(xml, desk, device_id, kept, left_out=received.left_out, oversized=oversized)

        def prepare() -> Prepared:
            return door.intake.prepare(upload(door.doorkeeper.admit(asking)))

        def write(prepared: Prepared) -> tuple[KnownDesk, Receipt]:
            return prepared.upload.desk, door.intake.write(prepared)

        def hold() -> tuple[KnownDesk, Receipt]:
            desk = door.doorkeeper.admit(asking)
            return desk, door.intake.hold_faulty(upload(desk))

        try:
            if large:  # the writer has others to serve
                prepared = await door.readers.run(prepare)
                desk, receipt = await door.writer.run(lambda: write(prepared))
            else:
                desk, receipt = await door.writer.run_prepared(prepare, write)
        except Problem:
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours must not leave the record on the phone
            log.error("intake.fault", error=type(error).__name__, at=where(error))
            desk, receipt = await door.writer.run(hold)
        if received.kept and receipt.files_kept:
            await door.readers.run(lambda: received.settle(receipt.unnamed))
        return desk, receipt

    async def _finish(self, received: Received, *, sure: bool = False) -> None:
        """Nothing half-done stays on disk. A commit that failed may have happened all the same: the rows are asked,
        unless it is ``sure`` that none names these files. That reads tables through, and a phone that is refused comes
        again.
        """
        if not received.staged and not received.kept and received.spooled is None:
            return
        try:
            await self.door.readers.run(lambda: received.drop(None if sure else named))
        except Problem:  # the database does not answer now: the next sweep asks it
            received.leave()


_NOT_JUDGED = (
    "Jawabannya belum dinilai: petugas akan memeriksanya dulu. "
    "Bila mendesak, segera telepon petugas kabupaten."
)


def _thanks(receipt: Receipt, *, with_files: bool) -> str:
    """What Collect shows: the words of the last POST, where files come in several with the same answers."""
    if receipt.state == "quarantined":
        closed = "Formulir ini sudah ditutup: jangan dipakai lagi. " if receipt.reason == CLOSED else ""
        return f"{closed}Data sudah disimpan di server. {_NOT_JUDGED} Tidak perlu dikirim lagi."
    if receipt.state == "known" and not with_files:
        return "Data ini sudah pernah diterima."
    return "Data dan lampirannya sudah diterima." if with_files else "Data sudah diterima dan disimpan."


def _device_id(request: Request) -> str | None:
    device_id = request.get_param("deviceID")
    if not device_id:
        return None
    # as ODK Collect writes it, "collect:" and 16 letters; anything else is only cleaned, not refused
    if not device_id.isprintable():
        device_id = "".join(filter(str.isprintable, device_id))
    return device_id[:_DEVICE_ID]


async def _drain(request: Request) -> None:
    read = 0
    with contextlib.suppress(OSError, falcon.HTTPError):
        # read, not iterated: whoever was reading it may have stopped in the middle
        while read < _DRAINED and (chunk := await request.stream.read(SMALL)):
            read += len(chunk)
