"""Write docs/en/faults.md."""

from tests.integration.faults.table import write

write()
