"""The command ``sema-mm convert``, at the path OpenMMLab users expect."""

from sema_mm.cli.convert import main

if __name__ == '__main__':
    main()
