"""`python -m server.cli`: the server's command line without an installed script."""

from server.cli import main

main()
