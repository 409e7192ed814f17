"""The scheduler, the outbox and its channels. Takes no HTTP requests."""
