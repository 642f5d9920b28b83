"""Adam without what torch adds for its compiler.

torch loads `torch._dynamo` with the first optimizer that is made: eight hundred modules, about a second of each process
that trains, and nothing here is compiled. Some methods of an optimizer are wrapped so that the compiler leaves them
alone. Unwrapped they compute the same.
"""

import inspect

import torch


class Adam(torch.optim.Adam):
    """:class:`torch.optim.Adam`, bit for bit; never differentiable."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))
    add_param_group = inspect.unwrap(torch.optim.Adam.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.Adam.zero_grad)
    state_dict = inspect.unwrap(torch.optim.Adam.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.Adam.load_state_dict)
