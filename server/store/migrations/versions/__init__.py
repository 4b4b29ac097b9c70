"""The forms that the database has had; each file leads from one to the next."""
