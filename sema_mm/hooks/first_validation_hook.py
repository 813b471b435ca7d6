"""A validation of the weights that a training starts from."""

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from ..checkpointing.random_state import preserve_random_state

__all__ = ['FirstValidationHook']


@HOOKS.register_module()
class FirstValidationHook(Hook):
    """Validate once before the first epoch, as epoch 0.

    Features that nobody has trained may be good already; what a training
    adds is the difference. No random number is drawn that the training would
    have drawn, and a resumed run does not validate again.
    """

    priority = 'LOWEST'

    def before_train(self, runner: Runner) -> None:
        """Validate, unless the training resumes."""
        if runner.val_loop is None:
            raise ValueError(
                'FirstValidationHook needs a validation: give val_dataloader, '
                'val_cfg and val_evaluator, or leave it out'
            )
        if runner.iter == 0:
            with preserve_random_state():
                runner.val_loop.run()
