"""Several servers that share a data folder and a database: who has room, who holds what, and what of a dead one."""
