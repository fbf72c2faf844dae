"""`python -m meshapi_video` runs the command line."""

from meshapi_video._cli import main

main()
