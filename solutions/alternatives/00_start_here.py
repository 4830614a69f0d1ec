"""Other correct ways to write lesson 00. Run in a copy of the lesson's namespace, with `alternative`."""


@alternative("linear")
def linear_built_in(x, weight, bias=None):
    return F.linear(x, weight, bias)


@alternative("linear")
def linear_by_einsum(x, weight, bias=None):
    output = torch.einsum("...i,oi->...o", x, weight)
    if bias is not None:
        output += bias
    return output


@alternative("linear")
def linear_by_broadcasting(x, weight, bias=None):
    output = (x.unsqueeze(-2) * weight).sum(dim=-1)
    return output + (0 if bias is None else bias)


@alternative("linear")
def linear_with_columns(x, weight, bias=None):
    output = (weight @ x[..., None]).squeeze(-1)
    return output if bias is None else output + bias


@alternative("linear")
def linear_output_by_output(x, weight, bias=None):
    columns = [x @ row for row in weight]
    if bias is not None:
        columns = [column + b for column, b in zip(columns, bias)]
    return torch.stack(columns, dim=-1)


@alternative("TwoLayerNet")
class NetWithALayerForTheBend(nn.Module):
    def __init__(self, input_dim, hidden_dim, output_dim):
        super().__init__()
        self.linear1 = nn.Linear(input_dim, hidden_dim)
        self.relu = nn.ReLU()
        self.linear2 = nn.Linear(hidden_dim, output_dim)

    def forward(self, x):
        x = self.linear1(x)
        x = self.relu(x)
        return self.linear2(x)


@alternative("TwoLayerNet")
class NetWithClamp(nn.Module):
    def __init__(self, input_dim, hidden_dim, output_dim):
        super(NetWithClamp, self).__init__()  # noqa: UP008 (as older tutorials write it)
        self.linear2 = nn.Linear(in_features=hidden_dim, out_features=output_dim)
        self.linear1 = nn.Linear(in_features=input_dim, out_features=hidden_dim)

    def forward(self, x):
        return self.linear2(self.linear1(x).clamp(min=0))


@alternative("TwoLayerNet")
class NetByHand(TwoLayerNet):
    def forward(self, x):
        hidden = x @ self.linear1.weight.T + self.linear1.bias
        hidden = torch.where(hidden > 0, hidden, torch.zeros_like(hidden))
        return hidden @ self.linear2.weight.T + self.linear2.bias


@alternative("layer_norm")
def layer_norm_built_in(x, weight, bias, eps=1e-5):
    return F.layer_norm(x, x.shape[-1:], weight, bias, eps)


@alternative("layer_norm")
def layer_norm_by_var_mean(x, weight, bias, eps=1e-5):
    variance, mean = torch.var_mean(x, dim=-1, keepdim=True, correction=0)
    return torch.addcmul(bias, (x - mean) * torch.rsqrt(variance + eps), weight)


@alternative("layer_norm")
def layer_norm_in_double_precision(x, weight, bias, eps=1e-5):
    wide = x.double()
    mean = wide.sum(-1, keepdim=True) / x.size(-1)
    variance = ((wide - mean) ** 2).sum(-1, keepdim=True) / x.size(-1)
    return ((wide - mean) / (variance + eps) ** 0.5).to(x.dtype) * weight + bias


@alternative("layer_norm")
def layer_norm_with_the_axis_added_later(x, weight, bias, eps=1e-5):
    mean, variance = x.mean(-1).unsqueeze(-1), x.var(-1, unbiased=False).unsqueeze(-1)
    return weight * (x - mean) / (variance + eps).sqrt() + bias


@alternative("gradient_step")
def step_by_backward(weight, x, y, lr):
    w = weight.clone().detach().requires_grad_(True)
    loss = ((x @ w - y) ** 2).mean()
    loss.backward()
    return (w - lr * w.grad).detach()


@alternative("gradient_step")
def step_by_grad(weight, x, y, lr):
    weight.requires_grad_(True)
    (slope,) = torch.autograd.grad(F.mse_loss(x @ weight, y), weight)
    return weight - lr * slope


@alternative("gradient_step")
def step_by_an_optimizer(weight, x, y, lr):
    w = nn.Parameter(weight.clone())
    optimizer = torch.optim.SGD([w], lr=lr)
    nn.MSELoss()(x @ w, y).backward()
    optimizer.step()
    return w.data


@alternative("gradient_step")
def step_by_loops(weight, x, y, lr):
    new = weight.clone()
    for i in range(weight.shape[0]):
        for o in range(weight.shape[1]):
            errors = x @ weight[:, o] - y[:, o]
            new[i, o] -= lr * 2 * (errors * x[:, i]).sum() / y.numel()
    return new
