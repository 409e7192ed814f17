"""The floor: the same server libraries doing the least that could be called keeping a submission.

Multipart and XML parsed, one row inserted into SQLite with full durability, one flush shared by all who wait,
201. Nothing typed, judged, sealed or owed. Started by :mod:`bench.door` in a process of its own.
"""

from __future__ import annotations

import asyncio
import queue
import socket
import sqlite3
import sys
import threading
from pathlib import Path

import falcon.asgi
import multipart
import uvicorn
from lxml import etree


class _Rows:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._queue: queue.SimpleQueue[tuple[str, bytes, asyncio.Future[None]]] = queue.SimpleQueue()
        threading.Thread(target=self._serve, daemon=True).start()

    def put(self, instance: str, xml: bytes) -> asyncio.Future[None]:
        kept = asyncio.get_running_loop().create_future()
        self._queue.put((instance, xml, kept))
        return kept

    def _serve(self) -> None:
        db = sqlite3.connect(self._file, isolation_level=None)
        db.execute("pragma journal_mode=wal")
        db.execute("pragma synchronous=full")
        db.execute("create table submission (instance text primary key, xml blob)")
        while True:
            batch = [self._queue.get()]
            while not self._queue.empty():
                batch.append(self._queue.get())
            db.execute("begin immediate")
            for instance, xml, _ in batch:
                db.execute("insert into submission values (?, ?)", (instance, xml))
            db.execute("commit")
            batch[0][2].get_loop().call_soon_threadsafe(_tell, [kept for *_, kept in batch])


def _tell(waiting: list[asyncio.Future[None]]) -> None:
    for kept in waiting:
        kept.set_result(None)


class _Submission:
    def __init__(self, rows: _Rows) -> None:
        self._rows = rows

    async def on_post(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        _, options = multipart.parse_options_header(request.content_type or "")
        parser = multipart.PushMultipartParser(options["boundary"])
        xml = bytearray()
        async for chunk in request.stream:
            for event in parser.parse(chunk) if chunk else ():
                if isinstance(event, (bytes, bytearray)):
                    xml += event
        root = etree.fromstring(bytes(xml))
        instance = next(
            e.text for e in root.iter() if isinstance(e.tag, str) and e.tag.endswith("instanceID")
        )
        await self._rows.put(instance or "", bytes(xml))
        response.status = 201


def main() -> None:
    """Serve on a free port; prints it."""
    app: falcon.asgi.App[falcon.asgi.Request, falcon.asgi.Response] = falcon.asgi.App()
    app.add_route("/submission", _Submission(_Rows(Path(sys.argv[1]))))
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
