"""The HTTP side of the dialer."""
