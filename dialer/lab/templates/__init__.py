"""Asterisk configuration files with placeholders, for the lab and for a server of your own."""
