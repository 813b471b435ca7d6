"""The command ``sema-mm``."""

import difflib
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import NoReturn

#: What each command does. Its module has the name of the command.
COMMANDS = {
    'train': 'train the model of a config',
    'test': 'test a checkpoint',
    'print-config': 'print a config and the plan of its switches',
    'convert': 'convert a checkpoint, or export its weights',
}


def main() -> None:
    """Run the command that the first argument names."""
    as_module = Path(sys.argv[0]).name == '__main__.py'
    program = 'python -m sema_mm' if as_module else 'sema-mm'
    if len(sys.argv) < 2:
        print(describe(program), file=sys.stderr)
        sys.exit(2)
    _, name, *arguments = sys.argv
    if name in ('-h', '--help'):
        print(describe(program))
        return
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, 1)
        hint = f'did you mean {near[0]}?' if near else f'see {program} --help'
        fail(f'there is no command {name}: {hint}')
    if importlib.util.find_spec('mmengine') is None:
        fail(
            "the commands need mmengine: run 'pip install mmengine' (or "
            "'pip install onedl-mmengine', its maintained fork)"
        )
    # The name that argparse gives to the program.
    sys.argv = [f'{program} {name}', *arguments]
    module = f'{__package__}.{name.replace("-", "_")}'
    importlib.import_module(module).main()


def describe(program: str) -> str:
    """Return the usage, with one line for each command."""
    width = max(map(len, COMMANDS))
    lines = [f'  {name:{width}}  {text}' for name, text in COMMANDS.items()]
    return '\n'.join(
        [
            f'usage: {program} COMMAND [ARGUMENTS]',
            '',
            'Switch EMA weight averaging for any mmengine config.',
            '',
            *lines,
            '',
            f'{program} COMMAND --help shows the arguments of a command.',
        ]
    )


def fail(sentence: str) -> NoReturn:
    """End the program with an error."""
    print(f'error: {sentence}', file=sys.stderr)
    sys.exit(2)
