"""The order of batches worked out without torch is the one that torch gave."""

import numpy as np
import pytest
import torch

from attribution.training.order import batches_again, cuts, epoch_seed, permutation
from attribution.training.recipe import batches, epoch_order


@pytest.mark.parametrize("n", [0, 1, 2, 17, 5000])
@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_a_permutation_is_that_of_torch(n, seed):
    there = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    assert permutation(n, seed).tolist() == there.tolist()


@pytest.mark.parametrize(("n", "size", "least"), [(60, 16, 1), (33, 16, 2), (33, 16, 1), (5, 64, 1)])
def test_batches_are_those_of_the_recipe(n, size, least):
    active = np.random.default_rng(n).random(n) > 0.2
    active[0] = True
    seed = epoch_seed(3, 2)
    there = list(batches(epoch_order(active, seed), size, least=least))
    again = batches_again(active, seed, size, least)
    assert [part.tolist() for part in again] == [part.tolist() for part in there]
    assert cuts(active.sum(), size, least)[-1] == active.sum()
