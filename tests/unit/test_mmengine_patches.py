from types import SimpleNamespace

from sema_mm import mmengine_patches


def test_all_ranks_gather_before_they_save():
    calls = []
    strategy = SimpleNamespace(save_checkpoint=calls.append)
    mmengine_patches.call_before_saving(
        strategy, lambda: calls.append('gather')
    )
    strategy.save_checkpoint('file')
    assert calls == ['gather', 'file']
