"""The moving parts of a running dialer."""
