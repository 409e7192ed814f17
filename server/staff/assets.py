"""The few files of our own that pages need, under names that change with their bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import falcon
from falcon.asgi import Request, Response

_TYPES = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


class Assets:
    """All files of a folder, read once at start."""

    def __init__(self, folder: Path) -> None:
        self._names: dict[str, str] = {}
        self._files: dict[str, tuple[bytes, str]] = {}
        for file in sorted(folder.iterdir()):
            if file.suffix in _TYPES:
                content = file.read_bytes()
                name = f"{file.stem}-{hashlib.sha256(content).hexdigest()[:12]}{file.suffix}"
                self._names[file.name] = name
                self._files[name] = content, _TYPES[file.suffix]

    def address(self, file: str) -> str:
        """Where a file of the folder is served."""
        return f"/static/{self._names[file]}"

    async def on_get(self, request: Request, response: Response, name: str) -> None:
        """A file, for ever: other bytes have another name."""
        self._serve(response, name, "public, max-age=31536000, immutable")

    def _serve(self, response: Response, name: str, keep: str) -> None:
        found = self._files.get(name)
        if found is None:
            raise falcon.HTTPNotFound
        response.data, response.content_type = found
        response.set_header("Cache-Control", keep)
        response.set_header("X-Content-Type-Options", "nosniff")

    async def on_get_icon(self, request: Request, response: Response) -> None:
        """The icon under the name that browsers ask for unbidden."""
        self._serve(response, self._names["ikon.svg"], "public, max-age=86400")
