"""The command ``sema-mm train``, at the path OpenMMLab users expect."""

from sema_mm.cli.train import main

if __name__ == '__main__':
    main()
