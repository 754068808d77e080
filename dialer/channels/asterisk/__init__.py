"""Voice over Asterisk: AMI to place and watch calls, FastAGI to talk on them."""
