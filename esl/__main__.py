"""`python -m esl VERB`."""

import sys

from esl.cli import main

if __name__ == "__main__":
    sys.exit(main())
