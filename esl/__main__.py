"""`python -m esl VERB`."""

import sys

from esl.cli import program

if __name__ == "__main__":
    sys.exit(program())
