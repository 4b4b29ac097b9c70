"""A session: the driver that joins the conversation core with engines, transport, log and recorder."""
