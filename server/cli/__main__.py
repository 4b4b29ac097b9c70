"""`python -m server.cli`: the command line without its installed script."""

from server.cli import main

main()
