"""Set the environment up: ``python3.11 .dev --venv .venv``."""

from environment.set_up import main

main()
