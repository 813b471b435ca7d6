"""Names of mmcls 0.x, mmdet 2.x and OpenMixup, as they are called today.

Made by comparing the state dicts of real models: 139 of mmcls 0.25.0 with
mmpretrain 1.2.0, where no name changed; 40 of mmdet 2.28.2 with mmdet 3.3.0,
of which six changed; 11 of openmixup 0.2.9 with mmpretrain's and ours.
"""

import re
from collections.abc import Callable, Iterable

from .found import Found
from .state_dicts import renamed

_ENCODERS = r'panoptic_head\.pixel_decoder\.encoder'
_DECODER = r'panoptic_head\.transformer_decoder'
Rules = tuple[tuple[str, str], ...]

#: DETR and Deformable DETR: the transformer moved from head to detector.
_DETR: Rules = (
    (
        r'bbox_head\.transformer\.((?:en|de)coder\.layers\.\d+)'
        r'\.attentions\.0\.',
        r'\1.self_attn.',
    ),
    (
        r'bbox_head\.transformer\.(decoder\.layers\.\d+)\.attentions\.1\.',
        r'\1.cross_attn.',
    ),
    (
        r'bbox_head\.transformer\.((?:en|de)coder\.layers\.\d+)\.ffns\.0\.',
        r'\1.ffn.',
    ),
    (r'bbox_head\.transformer\.((?:en|de)coder)\.', r'\1.'),
    (r'bbox_head\.transformer\.level_embeds$', 'level_embed'),
    (r'bbox_head\.transformer\.reference_points\.', 'reference_points_fc.'),
    (r'bbox_head\.transformer\.enc_output\.', 'memory_trans_fc.'),
    (r'bbox_head\.transformer\.enc_output_norm\.', 'memory_trans_norm.'),
    (r'bbox_head\.transformer\.pos_trans\.', 'pos_trans_fc.'),
    (r'bbox_head\.transformer\.pos_trans_norm\.', 'pos_trans_norm.'),
    (r'bbox_head\.query_embedding\.', 'query_embedding.'),
    (r'bbox_head\.input_proj\.', 'neck.convs.0.conv.'),
)
_MASKFORMER: Rules = (
    (rf'({_ENCODERS}\.layers\.\d+)\.attentions\.0\.', r'\1.self_attn.'),
    (rf'({_DECODER}\.layers\.\d+)\.attentions\.0\.', r'\1.self_attn.'),
    (rf'({_DECODER}\.layers\.\d+)\.attentions\.1\.', r'\1.cross_attn.'),
    (rf'((?:{_ENCODERS}|{_DECODER})\.layers\.\d+)\.ffns\.0\.', r'\1.ffn.'),
)
#: Its layers look at the image first, then at each other.
_MASK2FORMER: Rules = (
    (rf'({_DECODER}\.layers\.\d+)\.attentions\.0\.', r'\1.cross_attn.'),
    (rf'({_DECODER}\.layers\.\d+)\.attentions\.1\.', r'\1.self_attn.'),
    *_MASKFORMER,
)
_YOLACT: Rules = ((r'segm_head\.', 'mask_head.segm_branch.'),)
#: sema_mm's network of the same name has no BatchNorm behind it either.
_DENSENET_CIFAR: Rules = ((r'backbone\.stem\.0\.', 'backbone.stem.'),)


def rename_old_names(found: Found) -> None:
    """Rename weights as today's libraries do.

    Args:
        found (Found): The weights, changed in place.
    """
    _note_age(found)
    names = {*(found.average or {}), *(found.origin or {})}
    rules = _rules_for(names)
    if not rules:
        return
    rename = _make_rename(rules)
    found.renamed = {k: rename(k) for k in names if rename(k) != k}
    if found.average is not None:
        found.average = renamed(found.average, rename)
    if found.origin is not None:
        found.origin = renamed(found.origin, rename)
    found.copied = [rename(key) for key in found.copied]
    if found.kept.pop('optimizer', None) is not None:
        found.left_out.append('optimizer: the order of the weights changed')


def _note_age(found: Found) -> None:
    version = re.match(r'(\d+)\.(\d+)', str(found.meta.get('mmdet_version')))
    if version and tuple(map(int, version.groups())) < (2, 5):
        found.notes['too old'] = (
            f'mmdet {version[0]} numbers classes otherwise: use '
            "mmdet's upgrade_model_version.py first"
        )


def _rules_for(names: Iterable[str]) -> Rules:
    """Choose the rules by names that occur in the old networks only."""
    text = '\n'.join(names)
    if re.search(r'^bbox_head\.transformer\.', text, re.M):
        return _DETR
    if re.search(rf'^{_DECODER}\.layers\.\d+\.attentions\.', text, re.M):
        two = re.search(r'^panoptic_head\.level_embed\.', text, re.M)
        return _MASK2FORMER if two else _MASKFORMER
    if re.search(r'^segm_head\.segm_conv\.', text, re.M):
        return _YOLACT
    stem = re.findall(r'^backbone\.stem\..*', text, re.M)
    blocks = re.search(r'^backbone\.transitions\.', text, re.M)
    if blocks and stem == ['backbone.stem.0.weight']:
        return _DENSENET_CIFAR
    return ()


def _make_rename(rules: Rules) -> Callable[[str], str]:
    compiled = [(re.compile(pattern), new) for pattern, new in rules]

    def rename(key: str) -> str:
        for pattern, new in compiled:
            if pattern.match(key):
                return pattern.sub(new, key, count=1)
        return key

    return rename
