"""``python -m pylinear`` is the command line."""

import sys

from pylinear._cli import main

sys.exit(main())
