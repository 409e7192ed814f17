"""What phones talk to. Knows nothing of staff and SMS."""
