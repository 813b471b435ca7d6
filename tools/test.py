"""The command ``sema-mm test``, at the path OpenMMLab users expect."""

from sema_mm.cli.test import main

if __name__ == '__main__':
    main()
