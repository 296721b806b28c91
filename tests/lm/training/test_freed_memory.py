"""Memory that is freed stays with the process."""

import json
import resource
import subprocess
import sys

import torch

from lm.training.freed_memory import keep_freed_memory
from tests.forks import fork

BLOCK = 40 * 2**20
"""Bytes: more than glibc keeps by itself."""


def faults_of_twenty_blocks() -> int:
    """Pages that the kernel had to give out for them, one block after the other, those left out that find their
    places in what the process has."""
    for _ in range(15):
        torch.ones(BLOCK // 4)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(BLOCK // 4)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def measured(*, kept: bool) -> int:
    def work() -> int:
        if kept:
            keep_freed_memory()
        sys.stdout.write(json.dumps(faults_of_twenty_blocks()))
        sys.stdout.flush()
        return 0

    output, _ = fork(work, stdout=subprocess.PIPE, text=True).communicate(timeout=60)
    return int(output)


def test_a_block_that_comes_again_costs_no_page_of_the_kernels() -> None:
    kept, by_itself = measured(kept=True), measured(kept=False)
    assert by_itself > 20 * 10  # huge pages are few
    assert kept < by_itself / 10
