"""The command ``sema-mm``, as ``python -m sema_mm``."""

from .cli.main import main

if __name__ == '__main__':
    main()
