"""Lanes: how engines are run off the event loop, in threads or in worker processes, as jobs or as streams."""
