"""The first schema. Generated from the models; frozen: later changes get migrations of their own."""

from peewee import *
from server.store.fields import UtcField


def up(migrator, db):
    class Desk(Model):
        slug = CharField(unique=True, max_length=40)
        name = TextField()
        province = CharField(max_length=2)
        regency = CharField(index=True, max_length=5)
        district = CharField(max_length=8)
        village = CharField(index=True, max_length=13)
        generation = IntegerField(default=1)
        token_hash = CharField(unique=True, max_length=64)
        created_at = UtcField()
        revoked_at = UtcField(null=True)
        class Meta:
            database = db
            table_name = 'desk'
    db.create_tables([Desk])

    class Submission(Model):
        instance_id = TextField()
        form_id = TextField()
        version = TextField()
        root = TextField()
        deprecated_id = TextField(null=True)
        current = BooleanField(default=True)
        desk = ForeignKeyField(Desk, null=True, on_delete='RESTRICT', index=False)
        province = CharField(max_length=2)
        regency = CharField(max_length=5)
        district = CharField(max_length=8)
        village = CharField(max_length=13)
        received_at = UtcField()
        device_id = TextField(null=True)
        xml = BlobField()
        xml_hash = CharField(max_length=64)
        answers = JSONField()
        sealed = BlobField()
        indicators = JSONField()
        verdict = JSONField()
        class Meta:
            database = db
            table_name = 'submission'
            indexes = ((('form_id', 'instance_id'), True), (('form_id', 'province', 'received_at'), False))
    db.create_tables([Submission])

    class Case(Model):
        ref = CharField(unique=True, max_length=20)
        form_id = TextField()
        root = TextField()
        submission = ForeignKeyField(Submission, on_delete='RESTRICT', index=False)
        province = CharField(max_length=2)
        regency = CharField(max_length=5)
        district = CharField(max_length=8)
        village = CharField(max_length=13)
        opened_at = UtcField()
        class Meta:
            database = db
            table_name = 'risk_case'
            indexes = ((('form_id', 'root'), True), (('province', 'opened_at'), False))
    db.create_tables([Case])

    class Officer(Model):
        slug = CharField(unique=True, max_length=60)
        name = TextField()
        role = CharField(max_length=12)
        area = CharField(index=True, max_length=13)
        phone = TextField(null=True)
        email = TextField(unique=True, null=True)
        password_hash = TextField(null=True)
        created_at = UtcField()
        removed_at = UtcField(null=True)
        class Meta:
            database = db
            table_name = 'officer'
    db.create_tables([Officer])

    class Alert(Model):
        case = ForeignKeyField(Case, on_delete='CASCADE', index=False)
        indicator = CharField(max_length=12)
        severity = CharField(max_length=8)
        recipients = TextField()
        digest = BooleanField()
        restricted = BooleanField()
        state = CharField(max_length=12, default='open')
        owed = BooleanField(default=True)
        route_after = UtcField(null=True)
        opened_at = UtcField()
        acknowledged_at = UtcField(null=True)
        acknowledged_by = ForeignKeyField(Officer, null=True, on_delete='RESTRICT', index=False)
        closed_at = UtcField(null=True)
        closed_by = ForeignKeyField(Officer, null=True, on_delete='RESTRICT', index=False)
        result = TextField(null=True)
        gone_at = UtcField(null=True)
        class Meta:
            database = db
            table_name = 'alert'
            indexes = ((('case', 'indicator'), True),)
    db.create_tables([Alert])

    class Area(Model):
        code = CharField(primary_key=True, max_length=13)
        parent = CharField(index=True, max_length=8)
        name = TextField()
        class Meta:
            database = db
            table_name = 'area'
    db.create_tables([Area])

    class AttachedList(Model):
        filename = TextField()
        edition = IntegerField()
        content = BlobField()
        hash = CharField(max_length=32)
        valid_from = UtcField()
        class Meta:
            database = db
            table_name = 'attached_list'
            indexes = ((('filename', 'edition'), True),)
    db.create_tables([AttachedList])

    class Attachment(Model):
        submission = ForeignKeyField(Submission, on_delete='CASCADE')
        filename = TextField()
        expected = BooleanField()
        sha256 = CharField(null=True, max_length=64)
        size = BigIntegerField(null=True)
        content_type = TextField(null=True)
        received_at = UtcField(null=True)
        class Meta:
            database = db
            table_name = 'attachment'
            indexes = ((('submission', 'filename'), True),)
    db.create_tables([Attachment])

    class Counter(Model):
        name = CharField(primary_key=True, max_length=40)
        value = BigIntegerField()
        class Meta:
            database = db
            table_name = 'counter'
    db.create_tables([Counter])

    class Event(Model):
        at = UtcField()
        actor = TextField()
        verb = CharField(max_length=40)
        subject = TextField(index=True)
        detail = JSONField(null=True)
        class Meta:
            database = db
            table_name = 'event'
    db.create_tables([Event])

    class JobRun(Model):
        job = CharField(max_length=40)
        worker = CharField(max_length=60)
        started_at = UtcField()
        ended_at = UtcField(null=True)
        error = TextField(null=True)
        class Meta:
            database = db
            table_name = 'job_run'
            primary_key = CompositeKey('job', 'worker')
    db.create_tables([JobRun])

    class Message(Model):
        case = ForeignKeyField(Case, on_delete='CASCADE', index=False)
        officer = ForeignKeyField(Officer, on_delete='RESTRICT', index=False)
        round = IntegerField(default=1)
        indicators = TextField()
        channel = CharField(max_length=20)
        recipient = TextField()
        body = TextField()
        segments = IntegerField()
        state = CharField(max_length=10, default='owed')
        created_at = UtcField()
        due_at = UtcField()
        claimed_until = UtcField(null=True)
        attempts = IntegerField(default=0)
        provider_id = TextField(index=True, null=True)
        error = TextField(null=True)
        sent_at = UtcField(null=True)
        delivered_at = UtcField(null=True)
        class Meta:
            database = db
            table_name = 'message'
            indexes = ((('case', 'officer', 'round'), True), (('state', 'due_at'), False))
    db.create_tables([Message])

    class PublishedForm(Model):
        form_id = TextField()
        version = TextField()
        title = TextField()
        hash = CharField(max_length=32)
        xform = TextField()
        definition = JSONField()
        workbook = BlobField()
        published_at = UtcField()
        current = BooleanField(default=True)
        class Meta:
            database = db
            table_name = 'form_version'
            indexes = ((('form_id', 'version'), True),)
    db.create_tables([PublishedForm])

    class Quarantine(Model):
        desk = ForeignKeyField(Desk, null=True, on_delete='RESTRICT')
        received_at = UtcField()
        reason = TextField()
        form_id = TextField()
        version = TextField()
        instance_id = TextField()
        device_id = TextField(null=True)
        xml = BlobField()
        xml_hash = CharField(max_length=64)
        files = JSONField()
        state = CharField(max_length=12, default='held')
        class Meta:
            database = db
            table_name = 'quarantine'
            indexes = ((('form_id', 'instance_id', 'xml_hash'), True),)
    db.create_tables([Quarantine])

    class Register(Model):
        submission = ForeignKeyField(Submission, primary_key=True, on_delete='CASCADE')
        form_id = TextField()
        province = CharField(max_length=2)
        regency = CharField(max_length=5)
        district = CharField(max_length=8)
        village = CharField(max_length=13)
        consent = BooleanField()
        visit_date = DateField(null=True)
        event_date = DateField(null=True)
        sex = TextField(null=True)
        birth_date = DateField(null=True)
        country = TextField(null=True)
        sector = TextField(null=True)
        scheme = TextField(null=True)
        status = TextField(null=True)
        cost_idr = DecimalField(null=True, max_digits=18, decimal_places=2)
        nik_key = CharField(index=True, null=True, max_length=64)
        phone_key = CharField(null=True, max_length=64)
        class Meta:
            database = db
            table_name = 'register'
            indexes = ((('form_id', 'province', 'event_date'), False),)
    db.create_tables([Register])

    class Session(Model):
        token_hash = CharField(primary_key=True, max_length=64)
        officer = ForeignKeyField(Officer, on_delete='CASCADE')
        created_at = UtcField()
        expires_at = UtcField()
        class Meta:
            database = db
            table_name = 'session'
    db.create_tables([Session])

    db.execute_sql(
        'CREATE INDEX "submission_edit_of" ON "submission" ("deprecated_id") WHERE ("deprecated_id" IS NOT NULL)'
    )
    db.execute_sql(
        'CREATE INDEX "submission_edited_root" ON "submission" ("form_id", "root") WHERE ("root" != "instance_id")'
    )
    db.execute_sql('CREATE INDEX "alert_owed" ON "alert" ("id") WHERE "owed"')


def down(migrator, db):
    migrator.migrate(migrator.drop_table('session'))
    migrator.migrate(migrator.drop_table('register'))
    migrator.migrate(migrator.drop_table('quarantine'))
    migrator.migrate(migrator.drop_table('form_version'))
    migrator.migrate(migrator.drop_table('message'))
    migrator.migrate(migrator.drop_table('job_run'))
    migrator.migrate(migrator.drop_table('event'))
    migrator.migrate(migrator.drop_table('counter'))
    migrator.migrate(migrator.drop_table('attachment'))
    migrator.migrate(migrator.drop_table('attached_list'))
    migrator.migrate(migrator.drop_table('area'))
    migrator.migrate(migrator.drop_table('alert'))
    migrator.migrate(migrator.drop_table('officer'))
    migrator.migrate(migrator.drop_table('risk_case'))
    migrator.migrate(migrator.drop_table('submission'))
    migrator.migrate(migrator.drop_table('desk'))

