"""The `dialer` command, one file for each noun; `commands` puts them together."""
