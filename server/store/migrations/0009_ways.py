"""Ways to reach a person, each handing-over to a carrier, and messages that are of no single case.

``message.case_id`` may be null from here on. On SQLite that takes a new table; the few rows of an outbox are copied,
and nothing refers to them yet.
"""

_MESSAGE = """
create table message_with_ways (
    id integer not null primary key,
    case_id integer references risk_case (id) on delete cascade,
    officer_id integer not null references officer (id) on delete restrict,
    round integer not null,
    indicators text not null,
    channel varchar(20) not null,
    recipient text not null,
    body text not null,
    segments integer not null,
    state varchar(10) not null,
    created_at bigint not null,
    due_at bigint not null,
    claimed_until bigint,
    attempts integer not null,
    provider_id text,
    error text,
    sent_at bigint,
    delivered_at bigint,
    kind varchar(12) not null default 'alert',
    severity varchar(8) not null default 'high',
    "key" varchar(80),
    expires_at bigint,
    retries integer not null default 0,
    bounced text,
    read_at bigint,
    handed_on_at bigint,
    folded_id integer references message (id) on delete set null
)
"""
_KEPT = (
    "id, case_id, officer_id, round, indicators, channel, recipient, body, segments, state, created_at, due_at, "
    "claimed_until, attempts, provider_id, error, sent_at, delivered_at"
)
_NEW = (
    ("kind", "varchar(12) not null default 'alert'"),
    ("severity", "varchar(8) not null default 'high'"),
    ("key", "varchar(80)"),
    ("expires_at", "bigint"),
    ("retries", "integer not null default 0"),
    ("bounced", "text"),
    ("read_at", "bigint"),
    ("handed_on_at", "bigint"),
    ("folded_id", "integer references message (id) on delete set null"),
)


def up(migrator, db):
    postgresql = "Postgres" in type(db).__name__
    if postgresql:
        db.execute_sql("alter table message alter column case_id drop not null")
        for column, kind in _NEW:
            db.execute_sql(f'alter table message add column "{column}" {kind}')
    else:
        db.execute_sql(_MESSAGE)
        db.execute_sql(f"insert into message_with_ways ({_KEPT}) select {_KEPT} from message")
        db.execute_sql("drop table message")
        db.execute_sql("alter table message_with_ways rename to message")
        db.execute_sql("create unique index message_case_id_officer_id_round on message (case_id, officer_id, round)")
        db.execute_sql("create index message_state_due_at on message (state, due_at)")
        db.execute_sql("create index message_provider_id on message (provider_id)")
    db.execute_sql('create unique index message_key on message ("key")')
    db.execute_sql("alter table officer add column channels varchar(40) not null default ''")
    db.execute_sql("alter table officer add column contact_at bigint")
    db.execute_sql(
        "create table dead_address (kind varchar(10) not null, address text not null, code text not null, "
        "at bigint not null, primary key (kind, address))"
    )
    identity = "serial" if postgresql else "integer"
    db.execute_sql(
        f"create table delivery (id {identity} not null primary key, "
        "message_id integer not null references message (id) on delete cascade, number integer not null, "
        "channel varchar(20) not null, recipient text not null, began_at bigint not null, ended_at bigint, "
        "outcome varchar(10), provider_id text, status varchar(20), error text, segments integer not null, "
        "cost bigint not null default 0)"
    )
    db.execute_sql("create unique index delivery_message_id_number on delivery (message_id, number)")
    db.execute_sql("create index delivery_provider_id on delivery (provider_id)")
    # what went out before gets its row, so that late receipts find it
    db.execute_sql(
        "insert into delivery (message_id, number, channel, recipient, began_at, ended_at, outcome, provider_id, segments) "
        "select id, attempts, channel, recipient, created_at, sent_at, 'taken', provider_id, segments from message "
        "where provider_id is not null"
    )


def down(migrator, db):
    db.execute_sql("drop table delivery")
    db.execute_sql("drop table dead_address")
    for column in ("channels", "contact_at"):
        db.execute_sql(f"alter table officer drop column {column}")
    db.execute_sql("delete from message where case_id is null")
    db.execute_sql("drop index message_key")
    for column, _ in reversed(_NEW):
        db.execute_sql(f'alter table message drop column "{column}"')
