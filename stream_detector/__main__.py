"""`python -m stream_detector`: the same program as the `stream-detector` script."""

import sys

from stream_detector.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
