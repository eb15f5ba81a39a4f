import sys

from tinyalex.cli import main

sys.exit(main())
