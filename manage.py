#!/usr/bin/env python
"""Fairwatch's command line; `manage.py help` lists the commands."""

import os
import sys


def main() -> None:
    # What the house writes (database, pictures, locks) is not for other users of the machine.
    os.umask(0o027)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "surveillance.settings")
    # Imported here so that a camera process, which never needs Django, can import this file's neighbours without it.
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
