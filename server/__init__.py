"""The server's rooms: store, intake, openrosa, staff, webhooks."""
