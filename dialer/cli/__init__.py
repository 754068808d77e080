"""The `dialer` command, one file for each noun."""
