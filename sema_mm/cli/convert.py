"""Convert checkpoints of other libraries, and export weights.

Examples::

    sema-mm convert OLD.pth NEW.pth
    sema-mm convert OLD.pth NEW.pth --config CONFIG
    sema-mm convert ANY.pth model.pth --export average
    sema-mm convert ANY.pth model.safetensors \
        --export origin
"""

import argparse
import sys
from pathlib import Path

from ..conversion.formats import FORMATS, read_format
from ..conversion.found import AVERAGE, ORIGIN, Found
from ..conversion.infer_ema_location import BUFFERS, WEIGHTS
from ..conversion.model_check import build_model, check_fit
from ..conversion.packing import name_left_out, pack_checkpoint, pack_published
from ..conversion.reading import SAFETENSORS, read_file
from ..conversion.renaming import rename_old_names
from ..conversion.summary import describe, describe_fit
from ..conversion.writing import (
    check_target,
    encode_checkpoint,
    encode_safetensors,
    publish,
    write,
)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('source', metavar='IN', help='path of a checkpoint')
    parser.add_argument('target', metavar='OUT', help='path of the result')
    parser.add_argument(
        '--from',
        dest='kind',
        choices=['auto', *FORMATS],
        default='auto',
        help='the format of IN (default: auto, which recognises it)',
    )
    parser.add_argument(
        '--average-in',
        choices=['auto', WEIGHTS, BUFFERS],
        default='auto',
        help='which entries of an mmcv 1.x checkpoint hold the average: the '
        'weights or the ema_* buffers (default: auto, which asks the config '
        'in the checkpoint and the name of the file)',
    )
    parser.add_argument(
        '--export',
        choices=[AVERAGE, ORIGIN],
        help='write these weights alone, with a hash in the name',
    )
    parser.add_argument(
        '--config', help='a config, whose model the weights have to fit'
    )
    parser.add_argument(
        '--keep-names',
        action='store_true',
        help='do not rename what older libraries called otherwise',
    )
    parser.add_argument(
        '--force', action='store_true', help='replace OUT if it is there'
    )
    return parser.parse_args()


def convert(args: argparse.Namespace) -> int:
    """Convert a checkpoint; return 1 if it does not fit ``--config``."""
    check_target(args.target, args.force, bool(args.export))
    model = build_model(args.config) if args.config else None
    found = read_format(
        read_file(args.source),
        args.kind,
        file=args.source,
        average_in=args.average_in,
    )
    if not args.keep_names:
        rename_old_names(found)
    weights = found.weights(args.export or AVERAGE)
    left_out = name_left_out(found, bool(args.export))
    print(describe(args.source, found, left_out))
    fit = check_fit(model, weights) if model is not None else None
    if fit is not None:
        print(describe_fit(args.config, fit))
    path = save(args, found)
    print(f'wrote {path}, {path.stat().st_size / 1e6:.1f} MB')
    return 0 if fit is None or fit.is_exact else 1


def save(args: argparse.Namespace, found: Found) -> Path:
    """Write the result, and return its path."""
    if not args.export:
        data = encode_checkpoint(pack_checkpoint(found))
        return write(data, args.target, args.force)
    checkpoint = pack_published(found, args.export)
    if args.target.endswith(SAFETENSORS):
        data, others = encode_safetensors(checkpoint['state_dict'])
        for name in others:
            print(f'  left out, as it is no tensor: {name}')
    else:
        data = encode_checkpoint(checkpoint)
    return publish(data, args.target, args.force)


def main() -> None:
    """Convert, or print in one sentence why not."""
    args = parse_args()
    try:
        sys.exit(convert(args))
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        sys.exit(2)


if __name__ == '__main__':
    main()
