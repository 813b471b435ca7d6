import pytest
import torch
from torch import nn

from sema_mm import SwitchEMA, SwitchEMAHook
from sema_mm.averaging.experimental import experimental_parts
from sema_mm.hooks import switch_ema_hook
from tests.helpers.toy import build_runner


def test_nothing_is_on_a_cpu():
    average = SwitchEMA(nn.Linear(2, 1), side_stream=True, device='cpu')
    assert experimental_parts(average) == []


def test_averages_on_another_device_are():
    average = SwitchEMA(nn.Linear(2, 1), device='meta')
    assert experimental_parts(average) == ["device='meta'"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs CUDA')
def test_on_a_gpu():
    model = nn.Linear(2, 1).cuda()
    (part,) = experimental_parts(SwitchEMA(model))
    assert 'gated_lerp_' in part
    parts = experimental_parts(SwitchEMA(model, side_stream=True))
    assert parts == ['side_stream=True', part]


@pytest.mark.parametrize('parts', [[], ['side_stream=True', "device='cpu'"]])
def test_the_hook_names_them_once(parts, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(switch_ema_hook, 'experimental_parts', lambda _: parts)
    hook = dict(type=SwitchEMAHook, momentum=0.1)
    build_runner(tmp_path, hook, log_level='INFO').train()
    text = (
        "Experimental, not run on a GPU yet: side_stream=True, device='cpu'."
    )
    assert capsys.readouterr().out.count(text) == bool(parts)
