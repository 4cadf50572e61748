"""``python -m exphil_rt.testing.stand_in_dolphin``: what a written wrapper runs."""

from exphil_rt.testing.stand_in_dolphin.cli import main

raise SystemExit(main())
