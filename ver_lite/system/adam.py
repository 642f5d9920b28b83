"""Adam for a CPU, without what torch loads for its compiler.

torch loads `torch._dynamo` when a process makes its first optimizer: eight hundred modules, which take about a second.
Nothing here is compiled. Torch wraps some methods of an optimizer so that the compiler leaves them alone. Unwrapped,
they compute the same. A GPU gets torch's own Adam.
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
