"""What a writer needs, loaded: imported by the process that `writer_process` forks writers from.

Each of them imports the main module of the tests again, too.
"""

import gc

import django
import pytest  # noqa: F401

import safeconduct.records.service  # noqa: F401
from safeconduct.records import spelling

django.setup()
spelling.dictionary()
gc.freeze()
