"""`python -m baler_codec.cli`."""

from . import main

main()
