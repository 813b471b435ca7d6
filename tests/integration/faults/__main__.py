"""Write docs/en/faults.md."""

from tests.test_faults.table import write

write()
