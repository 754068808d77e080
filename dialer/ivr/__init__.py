"""The call as the author of an IVR app sees it."""
