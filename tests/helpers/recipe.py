"""Reads the hyper-parameters of a config, each by its own function.

The names are those of ``tests/data/protocol.yml``; :data:`READERS` maps them
to functions of a resolved config.
"""

#: The authors' RandAugment of 14 policies on CIFAR-100.
FIXMATCH = (2, 10, 7, 0.5)


def recipe(cfg, names):
    """Read what ``names`` ask for."""
    return {name: READERS[name](cfg) for name in names}


def optimizer(cfg):
    return cfg['optim_wrapper']['optimizer']


def transforms(cfg, split='train'):
    """Return the transforms of a split, those inside of datasets too."""
    found = []
    dataset = cfg[f'{split}_dataloader']['dataset']
    while dataset is not None:
        found = [*dataset.get('pipeline', []), *found]
        dataset = dataset.get('dataset')
    return found


def find(steps, *kinds):
    """Find the first transform of one of these types."""
    for step in steps:
        if step['type'].split('.')[-1] in kinds:
            return step
    return None


def optimizer_name(cfg):
    return optimizer(cfg)['type']


def option(name, default=None):
    """Read an option of the optimizer."""

    def read(cfg):
        value = optimizer(cfg).get(name, default)
        return list(value) if isinstance(value, tuple) else value

    return read


def no_decay(cfg):
    """Name what the optimizer does not decay, by kinds or by names."""
    groups = cfg['optim_wrapper'].get('paramwise_cfg', {})
    names = {'norm': 'norm_decay_mult', 'bias': 'bias_decay_mult'}
    kinds = [name for name, key in names.items() if groups.get(key) == 0]
    keys = groups.get('custom_keys', {}).items()
    return kinds or sorted(k for k, v in keys if v.get('decay_mult') == 0)


def schedulers(cfg):
    value = cfg['param_scheduler']
    return value if isinstance(value, list) else [value]


def warmup(cfg):
    linear = [s for s in schedulers(cfg) if s['type'] == 'LinearLR']
    if not linear:
        return None
    (step,) = linear
    unit = 'epochs' if step.get('by_epoch', True) else 'iters'
    return {unit: step['end'], 'start': step['start_factor']}


def schedule(cfg):
    (main,) = (s for s in schedulers(cfg) if s['type'] != 'LinearLR')
    if main['type'] == 'MultiStepLR':
        return {
            'kind': 'step',
            'milestones': main['milestones'],
            'gamma': main.get('gamma', 0.1),
        }
    if main['type'] == 'StepLR':
        epochs, gamma = main['step_size'], main['gamma']
        return {'kind': 'every', 'epochs': epochs, 'gamma': gamma}
    smooth = main.get('convert_to_iter_based') or not main['by_epoch']
    return {
        'kind': {'CosineAnnealingLR': 'cosine'}[main['type']],
        'per': 'iter' if smooth else 'epoch',
        'min_lr': main.get('eta_min', 0),
    }


def gpus(cfg):
    total = cfg['auto_scale_lr']['base_batch_size']
    return total // (batch(cfg) * accumulation(cfg))


def batch(cfg):
    return cfg['train_dataloader']['batch_size']


def accumulation(cfg):
    return cfg['optim_wrapper'].get('accumulative_counts', 1)


def train_size(cfg):
    crops = ('RandomCrop', 'RandomResizedCrop')
    step = find(transforms(cfg), *crops)
    return step.get('crop_size', step.get('scale'))


def test_size(cfg):
    step = find(transforms(cfg, 'val'), 'CenterCrop', 'Resize')
    if step is None:
        return None
    return step.get('crop_size', step.get('scale'))


def resize(cfg):
    return find(transforms(cfg, 'val'), 'ResizeEdge')['scale']


def zoom(cfg):
    return list(find(transforms(cfg), 'RandomResizedCrop')['crop_ratio_range'])


def strength(cfg):
    step = find(transforms(cfg), 'RandAugment')
    names = ('num_policies', 'total_level', 'magnitude_level', 'magnitude_std')
    return step and tuple(step[name] for name in names)


def augment(cfg):
    """Name the augmentation by its transforms."""
    steps = transforms(cfg)
    flip = find(steps, 'RandomFlip')
    if flip is None or flip['prob'] != 0.5:
        return 'without flip'
    crop = find(steps, 'RandomCrop', 'RandomResizedCrop')
    size = '224'
    if crop['type'] == 'RandomCrop':
        reflected = (crop['padding'], crop['padding_mode']) == (4, 'reflect')
        size = '32' if reflected else 'without reflection'
    if strength(cfg) is None:
        return f'basic{size}'
    if len(find(steps, 'RandAugment')['policies']) != 14:
        return 'randaug'
    kept = tuple(crop.get('crop_ratio_range', (0.8, 1.0)))
    known = strength(cfg) == FIXMATCH and kept == (0.8, 1.0)
    return f'randaug{size}' if known else 'unknown'


def magnitude(cfg):
    policies, total, level, spread = strength(cfg)
    return level if (policies, total, spread) == (2, 10, 0.5) else None


def erasing(cfg):
    step = find(transforms(cfg), 'RandomErasing')
    return step['erase_prob']


def mix(cfg):
    augments = (cfg['model'].get('train_cfg') or {}).get('augments') or []
    augments = augments if isinstance(augments, list) else [augments]
    return {one['type']: one['alpha'] for one in augments}


def repeated(cfg):
    return cfg['train_dataloader']['sampler']['type'] == 'RepeatAugSampler'


def loss(cfg):
    value = cfg['model']['head']['loss']
    if value.get('use_sigmoid') or value.get('mode') == 'multi_label':
        return 'binary cross-entropy'
    kinds = {'CrossEntropyLoss', 'LabelSmoothLoss'}
    return 'cross-entropy' if value['type'] in kinds else value['type']


def smoothing(cfg):
    return cfg['model']['head']['loss'].get('label_smooth_val', 0)


def drop_path(cfg):
    return cfg['model']['backbone'].get('drop_path_rate', 0)


def clip(cfg):
    return (cfg['optim_wrapper'].get('clip_grad') or {}).get('max_norm')


def amp(cfg):
    return cfg['optim_wrapper'].get('type') == 'AmpOptimWrapper'


def sync_bn(cfg):
    norm = cfg['model']['backbone'].get('norm_cfg') or {}
    return norm.get('type') == 'SyncBN'


def normalisation(name):
    """Read the mean or the spread of the pixels, as fractions."""

    def read(cfg):
        return [
            round(value / 255, 4) for value in cfg['data_preprocessor'][name]
        ]

    return read


def scale(cfg):
    """Read the sizes that COCO images are resized to."""
    step = find(
        transforms(cfg), 'Resize', 'RandomResize', 'RandomChoiceResize'
    )
    value = step.get('scale')
    if value is None or not isinstance(value[0], (tuple, list)):
        return list(value) if value else None
    return [list(size) for size in value]


def repeat(cfg):
    return cfg['train_dataloader']['dataset']['times']


def views(cfg):
    """Read how each of two views of an image is made."""
    step = find(transforms(cfg), 'MultiView')
    kinds = step['transforms']
    counts = step['num_views']
    counts = [counts] if isinstance(counts, int) else counts
    return [view(k) for k, n in zip(kinds, counts) for _ in range(n)]


def view(steps):
    """Read a view, whose flip and grey are always the same."""
    flip, grey = find(steps, 'RandomFlip'), find(steps, 'RandomGrayscale')
    if (flip['prob'], grey['prob']) != (0.5, 0.2):
        return None
    crop, jitter = find(steps, 'RandomResizedCrop'), find(steps, 'RandomApply')
    names = ('brightness', 'contrast', 'saturation', 'hue')
    blur, solarize = find(steps, 'GaussianBlur'), find(steps, 'Solarize')
    colours = find(jitter['transforms'], 'ColorJitter')
    return {
        'area': crop.get('crop_ratio_range', (0.08, 1.0))[0],
        'jitter': [colours[name] for name in names],
        'blur': blur['prob'] if blur else 0,
        'solarize': solarize['prob'] if solarize else 0,
    }


def pixels(cfg):
    """Read the size of the images that a self-supervised model sees."""
    steps = transforms(cfg)
    several = find(steps, 'MultiView')
    if several:
        (size,) = {
            find(kind, 'RandomResizedCrop')['scale']
            for kind in several['transforms']
        }
        return size
    return find(steps, 'RandomResizedCrop')['scale']


def target(cfg):
    """Read what the target takes of the online network in a first step.

    It moves in every iteration, towards weights that stay as they are until
    the optimizer steps.
    """
    model = cfg['model']
    momentum = model.get('momentum', model.get('base_momentum'))
    return round(momentum * accumulation(cfg), 9)


def mask(cfg):
    step = find(transforms(cfg), 'SimMIMMaskGenerator')
    if step:
        return step['mask_ratio']
    return cfg['model']['backbone']['mask_ratio']


def knn(cfg):
    values = {key: cfg['val_cfg'][key] for key in ('k', 'temperature')}
    bank, queries = cfg['val_cfg']['bank'], cfg['val_dataloader']
    splits = [one['dataset']['split'] for one in (bank, queries)]
    return values if splits == ['train', 'test'] else None


def predictor_lr(cfg):
    (hook,) = (h for h in cfg['custom_hooks'] if h['type'] == 'SimSiamHook')
    fixed = cfg['optim_wrapper']['paramwise_cfg']['custom_keys']['predictor']
    return hook['lr'] if hook['fix_pred_lr'] and fixed['fix_lr'] else None


READERS = {
    'optimizer': optimizer_name,
    'lr': option('lr'),
    'weight_decay': option('weight_decay'),
    'sgd_momentum': option('momentum'),
    'nesterov': option('nesterov', False),
    'betas': option('betas', [0.9, 0.999]),
    'eps': option('eps', 1e-8),
    'no_decay': no_decay,
    'schedule': schedule,
    'warmup': warmup,
    'gpus': gpus,
    'batch': batch,
    'accumulation': accumulation,
    'epochs': lambda cfg: cfg['train_cfg']['max_epochs'],
    'val_interval': lambda cfg: cfg['train_cfg'].get('val_interval', 1),
    'val_batch': lambda cfg: cfg['val_dataloader']['batch_size'],
    'train_size': train_size,
    'test_size': test_size,
    'resize': resize,
    'zoom': zoom,
    'padding': lambda cfg: find(transforms(cfg), 'RandomCrop')['padding'],
    'augment': augment,
    'magnitude': magnitude,
    'erasing': erasing,
    'mix': mix,
    'repeated': repeated,
    'loss': loss,
    'smoothing': smoothing,
    'drop_path': drop_path,
    'drop_rate': lambda cfg: cfg['model']['backbone']['drop_rate'],
    'clip': clip,
    'amp': amp,
    'sync_bn': sync_bn,
    'mean': normalisation('mean'),
    'std': normalisation('std'),
    'scale': scale,
    'flip': lambda cfg: find(transforms(cfg), 'RandomFlip')['prob'],
    'repeat': repeat,
    'views': views,
    'pixels': pixels,
    'target': target,
    'mask': mask,
    'knn': knn,
    'predictor_lr': predictor_lr,
    'depth': lambda cfg: cfg['model']['backbone'].get('depth'),
    'temperature': lambda cfg: cfg['model']['head']['temperature'],
    'queue': lambda cfg: cfg['model']['queue_len'],
    'projector': lambda cfg: cfg['model']['neck']['out_channels'],
}
