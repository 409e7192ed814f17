"""What a desk is handed: the code that sets its phones up, and the sheet of paper with it."""
