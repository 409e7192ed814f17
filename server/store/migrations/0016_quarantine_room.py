"""What waits of a desk is counted in an index: the table holds the XML before the size, and all of it was read."""


def up(migrator, db):
    db.execute_sql("create index quarantine_room on quarantine (desk_id, state, reason, size)")


def down(migrator, db):
    db.execute_sql("drop index quarantine_room")
