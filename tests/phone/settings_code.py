"""Reads the text of a settings QR code as ODK Collect does."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from typing import Any, Final

LARGEST_QR: Final = 2953  # bytes, version 40 at error correction L

GENERAL_TEXTS: Final = frozenset(
    (
        "server_url",
        "username",
        "password",
        "protocol",
        "form_update_mode",
        "periodic_form_updates_check",
        "autosend",
        "constraint_behavior",
        "image_size",
        "guidance_hint",
        "app_language",
        "font_size",
        "navigation",
        "basemap_source",
        "metadata_username",
        "metadata_phonenumber",
        "metadata_email",
    )
)
GENERAL_BOOLEANS: Final = frozenset(
    (
        "automatic_update",
        "hide_old_form_versions",
        "delete_send",
        "high_resolution",
        "instance_sync",
        "external_app_recording",
        "background_location",
        "background_recording",
        "analytics",
    )
)


def read_settings(code: str) -> dict[str, Any]:
    """Return the settings' JSON document with its objects ``general``, ``admin`` and perhaps ``project``.

    Raises ValueError where Collect refuses the whole code: not base64 of a zlib stream of a JSON object, an
    object missing, or a value of the wrong type. Wrong values of a right type are left to Collect's defaults.
    """
    if len(code) > LARGEST_QR:
        raise ValueError(f"{len(code)} characters do not fit into a QR code")
    try:
        document = json.loads(zlib.decompress(base64.b64decode(code, validate=True)).decode("utf-8"))
    except (binascii.Error, zlib.error, UnicodeDecodeError, json.JSONDecodeError) as fault:
        raise ValueError(f"not base64 of zlib of JSON: {fault}") from fault
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    for name in ("general", "admin"):
        if not isinstance(document.get(name), dict):
            raise ValueError(f"{name} must be an object")
    if not isinstance(document.get("project", {}), dict):
        raise ValueError("project must be an object")
    texts = {"general": GENERAL_TEXTS, "admin": {"admin_pw"}, "project": {"name", "icon", "color"}}
    for part, names in texts.items():
        for key, value in document.get(part, {}).items():
            if key in names and not isinstance(value, str):
                raise ValueError(f"{part}.{key} must be text")
            boolean = (part == "general" and key in GENERAL_BOOLEANS) or (
                part == "admin" and key != "admin_pw"
            )
            if boolean and not isinstance(value, bool):
                raise ValueError(f"{part}.{key} must be true or false")
    if document["general"].get("protocol") == "google_sheets":
        raise ValueError("the Google Sheets protocol is gone")
    return document
