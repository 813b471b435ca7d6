"""State of an optimizer under the names of parameters, or their numbers.

torch gathers the state of a sharded optimizer under the parameters' names;
the state dict of an unsharded one has their numbers.
"""

from typing import Any

__all__ = ['by_name', 'by_number', 'in_order']


def in_order(state: dict[str, Any], names: list[str]) -> list[list[str]]:
    """List the parameters of each group in the order of ``names``."""
    places = {name: place for place, name in enumerate(names)}
    return [
        sorted(group['params'], key=places.__getitem__)
        for group in state['param_groups']
    ]


def by_number(state: dict[str, Any], order: list[list[str]]) -> dict[str, Any]:
    """Return the state dict with numbers in place of names."""
    numbers = _numbers(order)
    groups = [
        {**group, 'params': [numbers[name] for name in names]}
        for group, names in zip(state['param_groups'], order)
    ]
    states = {numbers[name]: one for name, one in state['state'].items()}
    return {'state': dict(sorted(states.items())), 'param_groups': groups}


def by_name(state: dict[str, Any], order: list[list[str]]) -> dict[str, Any]:
    """Return the state with names in place of numbers.

    Args:
        state (dict): The state dict of an unsharded optimizer.
        order (List[List[str]]): What :func:`in_order` gives.

    Returns:
        dict: State under names.

    Raises:
        ValueError: If it is the state of other groups of parameters.
    """
    sizes = [len(group['params']) for group in state['param_groups']]
    if sizes != [len(names) for names in order]:
        raise ValueError(
            f'the optimizer in the checkpoint has groups of {sizes} '
            f'parameters, this one of {[len(names) for names in order]}: '
            'resume with the same optim_wrapper'
        )
    names = {number: name for name, number in _numbers(order).items()}
    groups = [
        {**group, 'params': one}
        for group, one in zip(state['param_groups'], order)
    ]
    states = {names[number]: one for number, one in state['state'].items()}
    return {'state': states, 'param_groups': groups}


def _numbers(order: list[list[str]]) -> dict[str, int]:
    names = [name for group in order for name in group]
    return {name: number for number, name in enumerate(names)}
