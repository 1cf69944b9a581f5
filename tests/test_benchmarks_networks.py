"""The benchmark of other layers: which networks it builds, and what it marks."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

import backlit
from backlit import nn
from benchmarks import networks
from benchmarks.jobs import Job, load
from benchmarks.peers import Peer, backlit_trainer
from benchmarks.peers.layers import NETWORKS
from benchmarks.peers.torch_style import network
from benchmarks.runner import JobResults, Result


@pytest.mark.parametrize("job", networks.NETWORK_JOBS.values(), ids=lambda job: job.name)
def test_each_network_takes_flat_rows_and_gives_a_score_for_each_class(job: Job) -> None:
    few = replace(job, rows=3)
    X, _ = load(few)
    scores = network(nn, few)(backlit.from_numpy(X[:3]))
    assert scores.shape == (3, job.sizes[-1])


def test_every_network_has_a_job() -> None:
    assert {job.network for job in networks.NETWORK_JOBS.values()} == set(NETWORKS)


def test_a_job_trains_its_own_network() -> None:
    job = replace(networks.NETWORK_JOBS["batch normalisation and dropout"], rows=64, epochs=1)
    X, y = load(job)
    assert backlit_trainer.build(job, X[:64], y[:64])() > 0


def test_what_is_slower_than_its_peer_is_marked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_job(job: Job, peers: Sequence[Peer], rounds: int) -> JobResults:
        own = 0.1 if "8x8" in job.name else 0.3
        times = {"backlit": own, "torch, 1": 0.2, "torch, 2": 0.25}
        return JobResults({name: Result(1.0, seconds, 1.0, 0.5) for name, seconds in times.items()})

    monkeypatch.setattr(networks, "run_job", run_job)
    monkeypatch.setattr(networks, "installed", lambda peers, console: [peers[0]])
    assert networks.main(["--jobs", "convolutions 8x8"]) == 0
    assert networks.main(["--jobs", "convolutions 8x8,convolutions 28x28"]) == 1
    assert "1.5" in capsys.readouterr().out
