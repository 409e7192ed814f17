"""What Twilio calls back."""
