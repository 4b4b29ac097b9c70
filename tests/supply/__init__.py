"""What the product is made of: its parts, their licences and digests, and whether a fault of one is known."""
