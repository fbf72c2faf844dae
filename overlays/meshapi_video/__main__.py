"""`python -m meshapi_video` is the command line."""

from meshapi_video._cli import main

main()
