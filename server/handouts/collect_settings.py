"""What a phone is set up with: the settings code that ODK Collect scans (COLLECT 8)."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path

import segno


def settings_code(url: str, project: str) -> str:
    """Collect's settings string: base64 of a zlib stream of JSON.

    ``url`` holds the desk's token, so no username or password is needed. Forms follow the server exactly, and
    finished forms are sent by themselves as soon as there is any connection.
    """
    wanted = {
        "general": {
            "server_url": url,
            "form_update_mode": "match_exactly",
            "periodic_form_updates_check": "every_one_hour",
            "autosend": "wifi_and_cellular",
            "guidance_hint": "yes_collapsed",
            "app_language": "in",
        },
        "admin": {},
        "project": {"name": project, "icon": "P", "color": "#0b5d69"},
    }
    packed = json.dumps(wanted, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.b64encode(zlib.compress(packed, 9)).decode()


def write_qr(code: str, target: Path) -> Path:
    """Write the code as a QR picture (PNG) that a cheap phone's camera reads; readable by the owner only."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    segno.make(code, error="l", micro=False).save(str(target), scale=6, border=4)
    target.chmod(0o600)
    return target
