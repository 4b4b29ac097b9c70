"""An object store: files of the server that lie in a bucket elsewhere."""
