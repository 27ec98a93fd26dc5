"""PyTorch peer of `pnpm bench train` and `epoch`: packed or padded sequences, one product for the input gates of all steps, foreach clipping, fused Adam."""

from captioner import Batch, Captioner, introduction, load_parameters
from protocol import Clock, Workload, serve, workload_directory

import torch
from torch.nn import functional as F

workload = Workload(workload_directory())
trainers = {}
batches = {}


class Trainer:
    def __init__(self, case, packed, dropout=True):
        self.model = Captioner(case["spec"], load_parameters(workload, case), packed, dropout)
        trainable = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.Adam(trainable, lr=5e-4, betas=(0.9, 0.999), eps=1e-8, fused=True)
        self.trainable = trainable

    def step(self, batch):
        self.optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(*self.model(batch))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.trainable, 5.0, foreach=True)
        self.optimizer.step()
        return loss


def batch_of(case, index):
    key = (case["name"], index % case["batches"])
    if key not in batches:
        batches[key] = Batch(workload, f"{key[0]}/batch {key[1]}")
    return batches[key]


def answer(request):
    torch.set_num_threads(request["threads"])
    case = workload.case("train", request["case"])
    if request["do"] == "losses":
        trainer = Trainer(case, request["packed"], dropout=False)
        return {"losses": [trainer.step(batch_of(case, index)).item() for index in range(3)]}
    key = (case["name"], request["packed"])
    if key not in trainers:
        trainers[key] = Trainer(case, request["packed"])
        for index in range(case["batches"]):
            batch_of(case, index)
    clock = Clock()
    first = request.get("first", 0)
    for index in range(first, first + request["iterations"]):
        trainers[key].step(batch_of(case, index)).item()
    return clock.stop()


serve(introduction(), answer)
