"""The command ``sema-mm print-config``, at the path OpenMMLab users expect."""

from sema_mm.cli.print_config import main

if __name__ == '__main__':
    main()
