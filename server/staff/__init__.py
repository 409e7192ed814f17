"""What people see: sign-in, cases, downloads. Knows nothing of OpenRosa."""
