"""What a campaign manager can ask for, one function a sentence."""
