"""`python -m bench.cli`: the whole command line without its installed script."""

from bench.cli import main

main()
