"""The tables. Queries live in the modules named after their nouns, not here.

Areas are Kemendagri codes as text. Rows that a person's rights limit carry the codes of all levels
(``province`` ... ``village``), so that a scope is equality on either engine. Every index costs each submission a
page of the disk's flush, so there is one by area (province and time) and the few that identity needs.
"""

from __future__ import annotations

from server.store.models.base import Base, database
from server.store.models.cases import Alert, Case, Delivery, FollowUp, Message
from server.store.models.duty import DayOff, Duty, Leave, Office, Step
from server.store.models.entities import Entity, EntityBacklog, EntityDecision, EntityVersion
from server.store.models.exports import ExportJob, SavedExport
from server.store.models.forms import AttachedList, PublishedForm
from server.store.models.installation import Area, Counter, Event, JobRun
from server.store.models.people import DeadAddress, Desk, Officer, Session
from server.store.models.submissions import Attachment, Quarantine, Register, Submission

TABLES: tuple[type[Base], ...] = (
    Area, Counter, PublishedForm, AttachedList, Officer, Desk, DeadAddress, Session, Submission, Attachment, Register,
    Case, Alert, Message, Delivery, FollowUp, Quarantine, Entity, EntityVersion, EntityBacklog, EntityDecision, Event,
    JobRun, Duty, Leave, Office, DayOff, Step, SavedExport, ExportJob,
)  # fmt: skip

__all__ = [
    "TABLES",
    "Alert",
    "Area",
    "AttachedList",
    "Attachment",
    "Base",
    "Case",
    "Counter",
    "DayOff",
    "DeadAddress",
    "Delivery",
    "Desk",
    "Duty",
    "Entity",
    "EntityBacklog",
    "EntityDecision",
    "EntityVersion",
    "Event",
    "ExportJob",
    "FollowUp",
    "JobRun",
    "Leave",
    "Message",
    "Office",
    "Officer",
    "PublishedForm",
    "Quarantine",
    "Register",
    "SavedExport",
    "Session",
    "Step",
    "Submission",
    "database",
]
