"""PyTorch's loop over `nn.LSTMCell`, as it is written by hand for one sequence."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from benchmarks.generation import STEPS
from benchmarks.rows import Array


class Cell:
    """Embedding, cell, output layer and `multinomial`, without gradients, on so many threads."""

    def __init__(self, params: Mapping[str, Array], *, threads: int) -> None:
        self._threads = threads
        vocabulary, width = params["Emb"].shape
        size = params["W"].shape[1]
        self.embedding = torch.nn.Embedding(vocabulary, width)
        self.cell = torch.nn.LSTMCell(width, size)
        self.out = torch.nn.Linear(size, vocabulary)
        gates = [[params[f"rnn.{kind}{gate}"] for gate in "ifco"] for kind in "WUb"]
        weights = [torch.tensor(np.concatenate(parts)) for parts in gates]
        with torch.no_grad():
            self.embedding.weight.copy_(torch.tensor(params["Emb"]))
            self.cell.weight_ih.copy_(weights[0])
            self.cell.weight_hh.copy_(weights[1])
            self.cell.bias_ih.copy_(weights[2])
            self.cell.bias_hh.zero_()
            self.out.weight.copy_(torch.tensor(params["W"]))
            self.out.bias.copy_(torch.tensor(params["c"]))
        self._state = (torch.zeros(1, size), torch.zeros(1, size))

    def call(self) -> Array:
        """The symbols that are drawn."""
        before = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        symbol, state, drawn = torch.zeros(1, dtype=torch.int64), self._state, [0]
        with torch.no_grad():
            for _ in range(STEPS - 1):
                state = self.cell(self.embedding(symbol), state)
                chances = torch.softmax(self.out(state[0]), dim=1)
                symbol = torch.multinomial(chances, 1)[0]
                drawn.append(int(symbol))
        torch.set_num_threads(before)
        return np.array(drawn)

    def restart(self) -> None:
        """Nothing is learned that would have to be put back."""

    def logits(self, symbols: Array) -> Array:
        """See `benchmarks.generation.Drawer`."""
        state, found = self._state, []
        with torch.no_grad():
            for symbol in symbols:
                state = self.cell(self.embedding(torch.tensor([int(symbol)])), state)
                found.append(self.out(state[0])[0].numpy())
        return np.stack(found)
