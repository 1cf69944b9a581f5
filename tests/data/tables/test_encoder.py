"""Columns as numbers: by the training rows alone, beside scikit-learn and pandas."""

import json

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from backlit import nn, ops
from backlit.data.tables import CategoryColumn, DateColumn, NumberColumn, TableEncoder, embedding_size, find_kinds
from backlit.data.tables.times import CLOCK
from backlit.errors import ArgumentError, DataError, StateError
from tests.data.tables.frames import frame

N = 60
RNG = np.random.default_rng(0)
NUMBERS = np.where(RNG.random(N) < 0.2, np.nan, RNG.normal(3, 5, N))
DAYS = np.datetime64("2019-11-01T00:00") + RNG.integers(0, 200_000, N).astype("timedelta64[m]")
TRAIN = np.arange(0, N, 2)
REST = np.arange(1, N, 2)


def table(**more):
    cities = ["Bern", "Genf", None] * 19 + ["Chur", "Bern", "Genf"]
    streets = [f"street {n % 13}" for n in range(N)]
    numbers = [None if np.isnan(x) else x for x in NUMBERS]
    return frame(size=numbers, city=cities, street=streets, sold=list(DAYS), y=list(RNG.normal(size=N)), **more)


def fitted(given, rows=TRAIN):
    return TableEncoder.fit(given, find_kinds(given, ["y"]), rows)


def test_numbers_are_filled_flagged_and_standardised_as_by_scikit_learn():
    given = table()
    encoder = fitted(given)
    values = given["size"].values[:, None].astype(np.float64)
    reference = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).fit(values[TRAIN])
    result = encoder.transform(given, REST)
    assert result.dtype == np.float32
    assert encoder.names[:2] == ["size", "size is missing"]
    np.testing.assert_allclose(result[:, 0], reference.transform(values[REST])[:, 0], atol=1e-6)
    assert (result[:, 1] == np.isnan(NUMBERS[REST])).all()


def test_rows_that_are_not_for_training_leave_no_trace():
    given = table()
    other = table()
    other["size"].values[REST] *= 1000
    other["city"].values[REST] = 0
    assert fitted(given) == fitted(other)
    other["size"].values[TRAIN[0]] += 1
    assert fitted(given) != fitted(other)


def test_dates_are_taken_apart_as_by_pandas():
    pandas = pytest.importorskip("pandas")
    times = pandas.Series(DAYS)
    column = DateColumn.fit("sold", DAYS)
    assert column.parts == ("days", "year", "month", "weekday", "hour")
    parts = dict(zip(column.names, column.transform(frame(sold=list(DAYS))["sold"], slice(None)), strict=True))
    expected = {
        "year": times.dt.year,
        "month": times.dt.month,
        "weekday": times.dt.day_of_week,
        "hour": times.dt.hour + times.dt.minute / 60,
        "days": (times - pandas.Timestamp("1970-01-01")).dt.total_seconds() / 86_400,
    }
    for part, values in expected.items():
        scaled = (values - values.mean()) / values.std(ddof=0)
        np.testing.assert_allclose(parts[f"sold: {part}"], scaled, atol=1e-9)


def test_parts_of_dates_that_never_change_are_left_out():
    days = np.arange("2020-03-01", "2020-03-20", dtype="datetime64[D]")
    assert DateColumn.fit("d", days).parts == ("days", "weekday")
    gone = np.array(["2020-03-01", "NaT", "2020-03-05"], "datetime64[D]")
    column = DateColumn.fit("d", gone)
    assert column.names[-1] == "d is missing"
    assert column.fill == np.datetime64("2020-03-03").astype("datetime64[s]").astype(int)
    empty = DateColumn.fit("d", np.full(3, np.datetime64("NaT", "s")))
    assert empty.parts == ("days",)


def test_times_of_day_lie_on_a_circle():
    clocks = np.array(["1970-01-01T06:00", "1970-01-01T23:45", "1970-01-01T00:15", "NaT"], "datetime64[s]")
    column = DateColumn.fit("seen", clocks, CLOCK)
    assert column.names == ["seen: hour", "seen: sine", "seen: cosine", "seen is missing"]
    (hour, sine, cosine), scales = column.transform(frame(seen=list(clocks))["seen"], slice(None))[:3], column.scales
    assert hour[0] * scales[0] + column.means[0] == pytest.approx(6)
    late, early = np.array([sine, cosine]).T[1:3] * scales[1:]
    # Half an hour lies between, across midnight.
    assert np.hypot(*(late - early)) == pytest.approx(2 * np.sin(np.pi * 0.5 / 24))
    assert DateColumn.fit("seen", clocks[:1], CLOCK).parts == ("hour",)


def test_categories_that_training_did_not_know_and_missing_ones():
    column = CategoryColumn.fit("c", ["b", "a", "b"], flagged=False)
    assert column.values == ("a", "b")
    assert column.codes(["a", "b", "z", None, float("nan")]).tolist() == [0, 1, 2, 2, 2]
    flagged = CategoryColumn.fit("c", ["b", "a"], flagged=True)
    assert flagged.codes(["a", "z", None]).tolist() == [0, 3, 2]
    assert flagged.count == 3


def test_few_categories_are_one_hot_and_many_get_learnt_vectors():
    encoder = fitted(table())
    assert encoder.names[-2:] == ["city", "street"]
    assert encoder.sizes == [0, embedding_size(13)]
    assert embedding_size(12) == 7
    assert embedding_size(10_000) == 50


def test_a_network_takes_what_the_encoder_gives():
    given = table()
    encoder = fitted(given, slice(None))
    rows = encoder.transform(given)
    layer = nn.TableInput(encoder.numbers, encoder.categories, encoder.sizes)
    out = layer(ops.from_numpy(rows)).detach().numpy()
    assert out.shape == (N, layer.out_features)
    assert (out[:, : encoder.numbers] == rows[:, : encoder.numbers]).all()
    city = out[:, encoder.numbers : encoder.numbers + encoder.categories[0]]
    assert (city.argmax(1) == rows[:, encoder.places["city"][0]]).all()
    assert (city.sum(1) == 1).all()
    rows[0, encoder.places["city"][0]] = encoder.categories[0]
    rows[0, encoder.places["street"][0]] = encoder.categories[1]
    unknown = layer(ops.from_numpy(rows)).detach().numpy()[0, encoder.numbers :]
    assert (unknown == 0).all()


def test_places_are_those_of_the_names():
    encoder = fitted(table())
    for column in encoder.columns:
        assert [encoder.names[place] for place in encoder.places[column.name]] == column.names


def test_an_encoder_survives_json_exactly():
    encoder = fitted(table())
    assert TableEncoder.from_dict(json.loads(json.dumps(encoder.to_dict()))) == encoder


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"columns": [{"kind": "wheel"}]},
        {"columns": [{"kind": "number", "name": "a"}]},
        {"columns": [{"kind": "number", "name": "a", "fill": 0, "mean": 0, "scale": 0, "flagged": False}]},
        {"columns": 3},
    ],
)
def test_damaged_descriptions(state):
    with pytest.raises(StateError, match="not the description of an encoder"):
        TableEncoder.from_dict(state)


def test_columns_that_are_not_there():
    encoder = fitted(table())
    with pytest.raises(ArgumentError, match="no column 'size'"):
        encoder.transform(frame(city=["Bern"]))
    with pytest.raises(DataError, match=r"no column is left to learn from \('a': 1.0 in every row\)"):
        fitted(frame(a=[1.0] * N, y=list(NUMBERS)))
    with pytest.raises(DataError, match="there is none but the target"):
        fitted(frame(y=list(NUMBERS)))


def test_constant_and_missing_training_rows_stay_finite():
    for values in (np.full(9, 0.1), np.full(9, np.nan), np.zeros(9)):
        column = NumberColumn.fit("a", values)
        assert all(np.isfinite(part).all() for part in column.encode(np.array([0.1, np.nan, 5])))


@pytest.mark.parametrize("size", [1e300, 1e-300])
def test_numbers_of_any_size_are_standardised(size):
    values = RNG.normal(size=50)
    (found,) = NumberColumn.fit("n", values * size).encode(values * size)
    np.testing.assert_allclose(found, (values - values.mean()) / values.std(), rtol=1e-9)
