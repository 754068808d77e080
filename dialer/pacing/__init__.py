"""How many calls to place now, and why: pure pacers and the guard that can only lower them."""
