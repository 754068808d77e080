"""Agents at work: their desks and telephones, the contacts who wait for them, supervisors, and the callers of queues."""
