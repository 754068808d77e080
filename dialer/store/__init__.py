"""Where campaigns, contacts and attempts are kept; the only place that knows SQL."""
