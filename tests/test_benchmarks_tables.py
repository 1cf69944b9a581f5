"""The benchmarks of estimators: what counts as time, which bars are missed, and which scores differ."""

import numpy as np
import pytest

from backlit.core.threads import get_num_threads, set_num_threads
from benchmarks.peers import Peer, estimators
from benchmarks.runner import Result
from benchmarks.scores import scores, within_noise
from benchmarks.table_jobs import TABLE_JOBS, TABLES
from benchmarks.tables import WHAT, action, best, met, ratio, table

# A job's epochs are few.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_the_better_number_of_threads_counts():
    results = {
        "backlit, 1": Result(1.0, 0.004, 0.0, 0.0),
        "backlit, 2": Result(1.0, 0.002, 0.0, 0.0),
        "scikit-learn, 1": Result(1.0, 0.02, 0.0, 0.0),
    }
    assert best(results, calls=2) == {"backlit": 1.0, "scikit-learn": 10.0}


def test_a_missed_bar_and_a_failed_library_are_seen():
    libraries = [Peer(name, name, "") for name in ("scikit-learn", "backlit")]
    assert met({"scikit-learn": 10.0, "backlit": 1.0}, libraries, 10.0)
    assert not met({"scikit-learn": 9.9, "backlit": 1.0}, libraries, 10.0)
    assert not met({"backlit": 1.0}, libraries, 0.0)
    assert "!" in ratio(9.9, 1.0, 10.0)
    assert "!" not in ratio(10.0, 1.0, 10.0)
    assert table("digits", {"fit": {"backlit": 1.0}}).row_count == 1


def test_scores_beyond_noise_are_seen():
    noise = np.random.default_rng(0).normal(0, 0.01, (2, 10))
    assert within_noise(noise)
    assert not within_noise(noise + np.array([[0.0], [0.05]]))
    what, found = scores("iris", seeds=2)
    assert (what, found.shape) == ("accuracy", (2, 2))
    assert within_noise(found)


@pytest.mark.parametrize("name", TABLE_JOBS)
def test_jobs_have_data_of_their_shape(name):
    job = TABLE_JOBS[name]
    if job.rows > 100_000:
        job = type(job)(**{**vars(job), "rows": 1000})
    X, y = TABLES[job.table](job)
    assert X.shape == (job.rows, job.sizes[0])
    assert X.dtype == job.dtype
    assert len(y) == job.rows


@pytest.fixture
def _threads():
    before = get_num_threads()
    yield
    set_num_threads(before)


@pytest.mark.usefixtures("_threads")
@pytest.mark.parametrize("library", ["sklearn.neural_network", "backlit.sklearn"])
@pytest.mark.parametrize("what", WHAT)
def test_both_libraries_do_what_they_are_told(what, library):
    job = type(TABLE_JOBS["digits"])(**{**vars(TABLE_JOBS["digits"]), "epochs": 1})
    X, y = TABLES[job.table](job)
    told = {**action(what, 100), **({} if what == "fit" else {"calls": 1})}
    assert np.isfinite(estimators.mlp(job, X[:200], y[:200], library=library, threads=1, **told)())
