"""Peewee models, migrations and all queries, one module a noun. Knows nothing of HTTP, Excel or Twilio."""
