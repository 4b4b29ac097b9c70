"""The vault: the master key, and the keys that it wraps, one for each session and each person.

What is kept of somebody lies under a key of its own. Whoever destroys that key has erased what it opens, wherever
copies of it are.
"""
