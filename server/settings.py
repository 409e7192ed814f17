"""Every setting, read once: from the environment, else from ``HOME/posmigran.toml``, else the default.

Only the composition root calls :func:`load_settings`; everything else takes a :class:`Settings` as an argument.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from forms.problems import Problem, Problems

SETTINGS_FILE = "posmigran.toml"
_BASE_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")


@dataclass(frozen=True)
class Quiet:
    """The hours of a night, from the evening until the morning, in which only what is critical goes out."""

    evening: time = time(21)
    morning: time = time(6)

    @classmethod
    def parse(cls, text: str) -> Quiet:
        """From ``21:00-06:00``; ``none`` is a night without hours. Raises ValueError for anything else."""
        if text.strip() == "none":
            return cls(time(0), time(0))
        evening, _, morning = text.partition("-")
        quiet = cls(time.fromisoformat(evening.strip()), time.fromisoformat(morning.strip()))
        if quiet.evening.hour < 17 or not 3 <= quiet.morning.hour <= 10:
            raise ValueError("a night begins after 17:00 and ends between 03:00 and 10:00")
        return quiet

    def holds(self, local: datetime) -> bool:
        """Is it night?"""
        return self.evening != self.morning and not self.morning <= local.time() < self.evening


class Settings(BaseSettings):
    """The settings of one installation. Names are those of the environment, in lower case."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    home: Path = Field(Path("posmigran-data"), validation_alias=AliasChoices("POSMIGRAN_HOME", "home"))
    database_url: str = Field("", validation_alias=AliasChoices("POSMIGRAN_DATABASE_URL", "database_url"))
    public_url: str = Field("", validation_alias=AliasChoices("POSMIGRAN_PUBLIC_URL", "public_url"))
    sms: Literal["console", "twilio"] = Field(
        "console", validation_alias=AliasChoices("POSMIGRAN_SMS", "sms")
    )
    trusted_proxies: str = Field(
        "127.0.0.1 ::1", validation_alias=AliasChoices("POSMIGRAN_TRUSTED_PROXIES", "trusted_proxies")
    )
    digest: Literal["MD5", "SHA-256"] = Field(
        "MD5", validation_alias=AliasChoices("POSMIGRAN_DIGEST", "digest")
    )
    accept_length: int = Field(
        100_000_000,
        ge=10_000,
        le=2**31 - 1,  # what Collect can read
        validation_alias=AliasChoices("POSMIGRAN_ACCEPT_LENGTH", "accept_length"),
    )
    submission_files: int = Field(
        1_000, ge=1, validation_alias=AliasChoices("POSMIGRAN_SUBMISSION_FILES", "submission_files")
    )
    submission_bytes: int = Field(
        4_000_000_000,
        ge=1_000_000,
        validation_alias=AliasChoices("POSMIGRAN_SUBMISSION_BYTES", "submission_bytes"),
    )
    desk_bytes: int = Field(
        50_000_000_000, ge=1_000_000, validation_alias=AliasChoices("POSMIGRAN_DESK_BYTES", "desk_bytes")
    )
    disk_reserve: int | None = Field(
        None, ge=0, validation_alias=AliasChoices("POSMIGRAN_DISK_RESERVE", "disk_reserve")
    )
    metrics_token: SecretStr = Field(
        SecretStr(""), validation_alias=AliasChoices("POSMIGRAN_METRICS_TOKEN", "metrics_token")
    )
    help_line: str = Field("", validation_alias=AliasChoices("POSMIGRAN_HELP_LINE", "help_line"))
    timezone: str = Field("Asia/Jakarta", validation_alias=AliasChoices("POSMIGRAN_TIMEZONE", "timezone"))
    last_resort: str = Field("", validation_alias=AliasChoices("POSMIGRAN_LAST_RESORT", "last_resort"))
    last_resort_ppa: str = Field(
        "", validation_alias=AliasChoices("POSMIGRAN_LAST_RESORT_PPA", "last_resort_ppa")
    )
    quiet_hours: str = Field(
        "21:00-06:00", validation_alias=AliasChoices("POSMIGRAN_QUIET_HOURS", "quiet_hours")
    )
    twilio_account_sid: str = Field("", validation_alias="TWILIO_ACCOUNT_SID")
    twilio_auth_token: SecretStr = Field(SecretStr(""), validation_alias="TWILIO_AUTH_TOKEN")
    twilio_from: str = Field("", validation_alias="TWILIO_FROM")
    twilio_messaging_service_sid: str = Field("", validation_alias="TWILIO_MESSAGING_SERVICE_SID")
    twilio_api_url: str = Field("https://api.twilio.com", validation_alias="TWILIO_API_URL")

    twilio_whatsapp_from: str = Field("", validation_alias="TWILIO_WHATSAPP_FROM")
    twilio_whatsapp_content_sid: str = Field("", validation_alias="TWILIO_WHATSAPP_CONTENT_SID")
    twilio_whatsapp_digest_content_sid: str = Field("", validation_alias="TWILIO_WHATSAPP_DIGEST_CONTENT_SID")
    smtp_url: SecretStr = Field(
        SecretStr(""), validation_alias=AliasChoices("POSMIGRAN_SMTP_URL", "smtp_url")
    )
    mail_from: str = Field("", validation_alias=AliasChoices("POSMIGRAN_MAIL_FROM", "mail_from"))
    export_days: int = Field(7, ge=1, validation_alias=AliasChoices("POSMIGRAN_EXPORT_DAYS", "export_days"))
    currency: str = Field("USD", validation_alias=AliasChoices("POSMIGRAN_CURRENCY", "currency"))
    sms_cost: Decimal = Field(
        Decimal(0), ge=0, validation_alias=AliasChoices("POSMIGRAN_SMS_COST", "sms_cost")
    )
    whatsapp_cost: Decimal = Field(
        Decimal(0), ge=0, validation_alias=AliasChoices("POSMIGRAN_WHATSAPP_COST", "whatsapp_cost")
    )
    cap_person: int = Field(30, ge=0, validation_alias=AliasChoices("POSMIGRAN_CAP_PERSON", "cap_person"))
    cap_case: int = Field(60, ge=0, validation_alias=AliasChoices("POSMIGRAN_CAP_CASE", "cap_case"))
    cap_hour: int = Field(1_000, ge=0, validation_alias=AliasChoices("POSMIGRAN_CAP_HOUR", "cap_hour"))
    cap_month: int = Field(20_000, ge=0, validation_alias=AliasChoices("POSMIGRAN_CAP_MONTH", "cap_month"))
    cap_month_cost: Decimal = Field(
        Decimal(0), ge=0, validation_alias=AliasChoices("POSMIGRAN_CAP_MONTH_COST", "cap_month_cost")
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{name} is not a time zone; use a name such as Asia/Makassar") from error
        return name

    @field_validator("quiet_hours")
    @classmethod
    def _a_night(cls, text: str) -> str:
        try:
            Quiet.parse(text)
        except ValueError as error:
            raise ValueError(
                f"{text} is not a night: {error}; use for example 21:00-06:00, or none"
            ) from error
        return text

    @field_validator("twilio_whatsapp_from")
    @classmethod
    def _bare_number(cls, number: str) -> str:
        return number.removeprefix("whatsapp:").strip()

    @field_validator("public_url", "twilio_api_url")
    @classmethod
    def _bare_url(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return url.rstrip("/")

    @field_validator("public_url")
    @classmethod
    def _reachable_for_phones(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.query or parts.fragment or not parts.hostname):
            raise ValueError("must be https://HOST or https://HOST/PATH, nothing more")
        if "_" in (parts.hostname or ""):
            raise ValueError("ODK Collect finds no host whose name has an underscore")
        if parts.path and not _BASE_PATH.fullmatch(parts.path):
            raise ValueError("the path may hold letters, digits and . _ ~ - only")
        return url

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, text: str) -> str:
        for word in _words(text):
            try:
                ipaddress.ip_network(word)
            except ValueError as error:
                raise ValueError(
                    f"{word} is no address or network; write like 10.0.0.1 or 10.0.0.0/8"
                ) from error
        return text

    @field_validator("database_url")
    @classmethod
    def _known_engine(cls, url: str) -> str:
        if url and not url.startswith(("postgresql://", "postgres://", "sqlite:///")):
            raise ValueError("must start with postgresql:// (leave it out for SQLite in the home)")
        return url

    @property
    def proxies(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """The networks whose ``X-Forwarded-*`` headers are believed."""
        return tuple(ipaddress.ip_network(word) for word in _words(self.trusted_proxies))

    @property
    def base_path(self) -> str:
        """The path of the public URL, without a slash at its end; empty where there is none."""
        return urlsplit(self.public_url).path

    @property
    def database(self) -> str:
        """Where the rows are: the URL as set, else SQLite in the home."""
        return self.database_url or f"sqlite:///{self.home / 'posmigran.sqlite3'}"

    @property
    def zone(self) -> ZoneInfo:
        """The zone where an area sets none."""
        return ZoneInfo(self.timezone)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over what is passed in, which is what the home's file says."""
        return env_settings, init_settings


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


SETTING_NAMES: tuple[str, ...] = tuple(
    alias
    for field in Settings.model_fields.values()
    for alias in [
        field.validation_alias.choices[0]
        if isinstance(field.validation_alias, AliasChoices)
        else field.validation_alias
    ]
    if isinstance(alias, str)
)
"""All names that the environment and ``posmigran.toml`` may hold; docs are checked against this."""


def load_settings(home: Path | None = None, **overrides: Any) -> Settings:
    """Read the settings of the installation in ``home`` (default: ``POSMIGRAN_HOME``, else ./posmigran-data).

    ``overrides`` are command-line options under the lower-case names; they win over everything.
    Raises :class:`Problem` (SETTING_INVALID) naming the file and the setting.
    """
    where = home or Path(os.environ.get("POSMIGRAN_HOME") or "posmigran-data")
    file = where / SETTINGS_FILE
    from_file: dict[str, Any] = {}
    if file.exists():
        try:
            from_file = tomllib.loads(file.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Problem(Problems.SETTING_INVALID, name=file, detail=error) from error
        unknown = sorted(set(from_file) - set(SETTING_NAMES))
        if unknown:
            raise Problem(
                Problems.SETTING_INVALID,
                name=f"{file}, {unknown[0]}",
                detail="no such setting; known are " + ", ".join(SETTING_NAMES),
            )
    try:
        settings = Settings(**from_file)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(p) for p in first["loc"])
        if name in from_file and name not in os.environ:
            name = f"{file}, {name}"
        # The value itself may be a secret: the message names the setting and the rule, never what was there.
        raise Problem(Problems.SETTING_INVALID, name=name, detail=first["msg"]) from None
    return settings.model_copy(update={"home": where.absolute(), **overrides})
