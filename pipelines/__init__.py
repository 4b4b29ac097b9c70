"""The conversation: its core, the engines it listens, thinks and speaks with, and the driver that joins them."""
