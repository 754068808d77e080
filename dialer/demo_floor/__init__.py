"""A floor of agents at work on a real Asterisk, and beside it what the simulator makes of the same floor.

Everything is the shipped product; the people are synthetic: those who are called (dialer.lab), and the agents, who are programs
on the same desk as everybody's. On order half of them leave, the list answers otherwise, or the dialer dies in mid-shift.
"""
