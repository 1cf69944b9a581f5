"""Estimators and runs as ONNX models: from the columns of a table to labels and probabilities, as they predict."""

import numpy as np
import onnx
import onnxruntime
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import backlit
from backlit import nn
from backlit.cli import main
from backlit.errors import ArgumentError, ArgumentTypeError, GraphError, StateError
from backlit.onnx import export, load
from backlit.sklearn import MLPClassifier, MLPRegressor, NetClassifier, NetRegressor
from backlit.train import Run

# Few epochs are enough to compare.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS, CLASSES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[CLASSES]
SEVERAL = np.stack([CLASSES > 0, IRIS[:, 0] > 5.8, IRIS[:, 1] > 3], axis=1).astype(int)
SHORT = {"hidden_layer_sizes": (6,), "max_iter": 4, "random_state": 0}
NET = {"max_iter": 2, "random_state": 0, "compile": False}
TWO_OUTPUTS = nn.Sequential(nn.Linear(4, 2), nn.LogSoftmax(dim=1))


def run(path, inputs):
    """The outputs by name."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = dict(zip((i.name for i in session.get_inputs()), inputs, strict=True))
    return dict(zip((o.name for o in session.get_outputs()), session.run(None, given), strict=True))


def agrees(estimator, path, inputs, X):
    """Whether the model predicts as the estimator, which is given the same rows as `X`."""
    found = run(path, inputs)
    if "label" not in found:
        expected = estimator.predict(X)
        assert found["prediction"].dtype == expected.dtype
        np.testing.assert_allclose(found["prediction"], expected, rtol=1e-5, atol=1e-5)
        return
    assert found["label"].tolist() == estimator.predict(X).tolist()
    expected = estimator.predict_proba(X)
    assert found["probabilities"].dtype == expected.dtype
    np.testing.assert_allclose(found["probabilities"], expected, rtol=1e-5, atol=1e-5)


ESTIMATORS = {
    "classes": (MLPClassifier(**SHORT), CLASSES),
    "names": (MLPClassifier(**SHORT, activation=["gelu"], normalization="batch", dropout=0.2), NAMES),
    "two classes": (MLPClassifier(**SHORT, normalization="layer"), NAMES == "setosa"),
    "one class": (MLPClassifier(**SHORT), np.ones(150)),
    "several labels": (MLPClassifier(**SHORT, activation=lambda x: x.tanh()), SEVERAL),
    "temperature": (MLPClassifier(**SHORT, early_stopping=True, calibrate=True), NAMES),
    "temperature of two": (MLPClassifier(**SHORT, early_stopping=True, calibrate=True), CLASSES > 0),
    "values": (MLPRegressor(**{**SHORT, "hidden_layer_sizes": ()}), IRIS[:, 0]),
    "several values": (MLPRegressor(**SHORT, out_activation="softplus"), IRIS[:, :2]),
    "counts": (MLPRegressor(**SHORT, loss="poisson"), CLASSES),
    "net": (NetClassifier(**NET), NAMES),
    "net of one output": (NetClassifier(nn.Linear(4, 1), **NET), NAMES == "setosa"),
    "net of probabilities": (NetClassifier(TWO_OUTPUTS, loss=nn.NLLLoss(), **NET), NAMES == "setosa"),
    "net of several labels": (NetClassifier(**NET), SEVERAL),
    "net of values": (NetRegressor(**NET), IRIS[:, 0]),
    "net of several values": (NetRegressor(**NET), IRIS[:, :2]),
}


@pytest.mark.parametrize("case", ESTIMATORS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_onnx_runtime_predicts_as_the_estimator(case, dtype, tmp_path):
    estimator, y = ESTIMATORS[case]
    X = IRIS.astype(dtype)
    estimator.fit(X, y)
    export(estimator, tmp_path / "model.onnx")
    agrees(estimator, tmp_path / "model.onnx", [X], X)
    agrees(estimator, tmp_path / "model.onnx", [X[:1]], X[:1])


def test_a_column_called_as_a_number_inside_the_model(tmp_path):
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"rooms": rng.choice(["few", "many"], 60), "number of rooms": rng.normal(size=60)})
    model = MLPClassifier(**SHORT, categorical_features=["rooms"]).fit(table, table["rooms"] == "few")
    export(model, tmp_path / "model.onnx")
    given = [table[["rooms"]].to_numpy(object), table[["number of rooms"]].to_numpy()]
    agrees(model, tmp_path / "model.onnx", given, table)


def test_the_comparison_sees_another_label_and_another_temperature(tmp_path):
    estimator = MLPClassifier(**SHORT, early_stopping=True, calibrate=True).fit(IRIS, NAMES)
    export(estimator, tmp_path / "model.onnx")
    estimator.temperature_ *= 1.01
    with pytest.raises(AssertionError):
        agrees(estimator, tmp_path / "model.onnx", [IRIS], IRIS)
    estimator.temperature_ /= 1.01
    estimator._classes.names = estimator._classes.names[::-1]
    with pytest.raises(AssertionError):
        agrees(estimator, tmp_path / "model.onnx", [IRIS], IRIS)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_categories_and_missing_values_of_a_table(kind, tmp_path):
    rng = np.random.default_rng(0)
    table = np.empty((60, 4), object)
    table[:, 0] = rng.choice(["red", "green", "blue"], 60)
    table[:, 1] = rng.normal(size=60)
    table[:, 2] = rng.choice([1950, 1960, 1970], 60)
    table[:, 3] = rng.normal(size=60)
    table[5:20, 1] = np.nan
    y = (table[:, 0] == "red").astype(int)
    model = kind(**SHORT, categorical_features=[2, 0], missing_values="impute").fit(table, y)
    export(model, tmp_path / "model.onnx")
    new = table[:30].copy()
    new[3, 0], new[4, 0], new[6, 2], new[7, 3] = "violet", None, 1980, np.nan
    names = [i.name for i in onnx.load(tmp_path / "model.onnx").graph.input]
    assert names == ["0", "1", "2", "3"]
    given = [
        np.array([["" if v is None else v] for v in new[:, 0]], object),
        new[:, 1:2].astype(float),
        new[:, 2:3].astype(np.int64),
        new[:, 3:].astype(float),
    ]
    agrees(model, tmp_path / "model.onnx", given, new)
    with pytest.raises(GraphError, match=r"LabelEncoder"):
        load(tmp_path / "model.onnx")


def test_frames_have_inputs_by_name(tmp_path):
    pd = pytest.importorskip("pandas", reason="frames of pandas are an option")
    frame = pd.DataFrame(
        {"label": [0.5, 1.5, -1.0] * 10, "colour": ["a", "b", "c"] * 10, "wet": [True, False, True] * 10}
    )
    model = MLPClassifier(**SHORT, categorical_features=["colour", "wet"]).fit(frame, frame["colour"])
    export(model, tmp_path / "model.onnx")
    graph = onnx.load(tmp_path / "model.onnx").graph
    assert [i.name for i in graph.input] == ["label", "colour", "wet"]
    assert [o.name for o in graph.output] == ["label_", "probabilities"]
    found = run(tmp_path / "model.onnx", [frame[[n]].to_numpy(object if n == "colour" else None) for n in frame])
    assert found["label_"].tolist() == model.predict(frame).tolist()


@pytest.mark.parametrize("options", [{}, {"with_mean": False}, {"with_std": False}])
def test_a_scaler_in_a_pipeline_is_part_of_the_model(options, tmp_path):
    X = IRIS * [1.0, 1e3, 1e-3, 1.0] + [0.0, 1e5, 0.0, -1.0]
    model = make_pipeline(StandardScaler(**options), MLPClassifier(**SHORT)).fit(X, NAMES)
    export(model, tmp_path / "model.onnx")
    agrees(model, tmp_path / "model.onnx", [X], X)
    with pytest.raises(ArgumentTypeError, match="this has MinMaxScaler"):
        export(make_pipeline(MinMaxScaler(), MLPClassifier(**SHORT)).fit(X, NAMES), tmp_path / "model.onnx")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The run of a table of numbers, categories and times, with gaps."""
    pytest.importorskip("pyarrow", reason="tables are read through pyarrow")
    folder, rng = tmp_path_factory.mktemp("run"), np.random.default_rng(0)
    lines = ["size,colour,built,open,price"]
    for _ in range(80):
        size, colour = rng.normal(3, 2), rng.choice(["red", "green", ""])
        time = np.datetime64("1950-01-01T00:00:00", "s") + rng.integers(0, 3_000_000_000)
        clock = f"{rng.integers(24)}:{rng.integers(10, 60)}" if rng.random() < 0.9 else ""
        built = time if rng.random() < 0.9 else ""
        lines.append(f"{'' if rng.random() < 0.1 else size},{colour},{built},{clock},{size**2}")
    (folder / "table.csv").write_text("\n".join(lines))
    command = ["train", str(folder / "table.csv"), "--epochs", "2", "--out"]
    with pytest.MonkeyPatch.context() as patch:
        # Pictures of the training are of no use here.
        patch.setattr("backlit.cli.training.draw", lambda *_: None)
        assert main([*command, str(folder / "run")]) == 0
        assert main([*command, str(folder / "classes"), "--target", "colour"]) == 0
    return folder


NEW = {
    "size": [1.5, np.nan, 100.0, -3.0],
    "colour": ["red", "", "violet", "green"],
    "built": ["1969-12-31T23:59:59", "2000-02-29T12:30:00", "", "1900-03-01T00:00:01"],
    "open": ["14:35", "", "0:00", "23:59:30"],
    "price": [1.0, 2.0, 3.0, 4.0],
}


@pytest.mark.parametrize(("name", "target"), [("run", "price"), ("classes", "colour")])
def test_a_run_of_a_table_takes_its_columns(name, target, folder, tmp_path, capsys):
    export(Run.load(folder / name), tmp_path / "model.onnx")
    rows = zip(*NEW.values(), strict=True)
    text = "\n".join([",".join(NEW), *(",".join("" if v != v else str(v) for v in row) for row in rows)])
    (tmp_path / "new.csv").write_text(text)
    capsys.readouterr()
    assert main(["predict", str(folder / name), str(tmp_path / "new.csv")]) == 0
    lines = [line.split(",") for line in capsys.readouterr().out.splitlines()[1:]]
    times = np.array([value or "NaT" for value in NEW["built"]], "datetime64[s]").astype(np.int64)
    clocks = np.array([14 * 3600 + 35 * 60, np.iinfo(np.int64).min, 0, 86_370])
    given = {
        "size": np.array(NEW["size"]),
        "colour": np.array(NEW["colour"], object),
        "built": times,
        "open": clocks,
        "price": np.array(NEW["price"]),
    }
    found = run(tmp_path / "model.onnx", [values[:, None] for n, values in given.items() if n != target])
    if target == "price":
        np.testing.assert_allclose(found["prediction"], [float(cell) for (cell,) in lines], rtol=1e-5)
    else:
        assert found["label"].tolist() == [label for label, *_ in lines]
        shares = [[float(share) for share in line[1:]] for line in lines]
        np.testing.assert_allclose(found["probabilities"], shares, atol=1e-5)


def test_texts_are_not_read_as_tensors(tmp_path):
    export(MLPClassifier(**SHORT).fit(IRIS, NAMES), tmp_path / "model.onnx")
    with pytest.raises(GraphError, match=r"gives texts \(label\), which are no tensors"):
        load(tmp_path / "model.onnx")


def test_a_search_is_what_it_found(tmp_path):
    search = GridSearchCV(MLPClassifier(**SHORT), {"alpha": [0.1, 1.0]}, cv=2).fit(IRIS, NAMES)
    export(search, tmp_path / "model.onnx")
    agrees(search, tmp_path / "model.onnx", [IRIS], IRIS)


def test_what_was_exported_is_read_again(tmp_path):
    estimator = MLPClassifier(**SHORT).fit(IRIS, CLASSES)
    export(estimator, tmp_path / "model.onnx")
    label, probabilities = load(tmp_path / "model.onnx")(backlit.from_numpy(IRIS))
    np.testing.assert_array_equal(label.numpy(), estimator.predict(IRIS))
    np.testing.assert_allclose(probabilities.detach().numpy(), estimator.predict_proba(IRIS), atol=1e-12)


def test_what_cannot_be_exported_is_said(tmp_path):
    path = tmp_path / "model.onnx"
    for model in ({}, None):
        with pytest.raises(ArgumentTypeError, match="an estimator of backlit"):
            export(model, path)
    fitted = MLPClassifier(**SHORT).fit(IRIS, CLASSES)
    with pytest.raises(ArgumentError, match="brings its own"):
        export(fitted, path, example_input=backlit.ones(1, 4))
    with pytest.raises(ValueError, match="not fitted"):
        export(MLPClassifier(), path)
    with pytest.raises(ValueError, match="not fitted"):
        export(NetRegressor(), path)
    mixed = np.array([["a", 1.0], [2, 1.0]] * 5, object)
    model = MLPRegressor(**SHORT, categorical_features=[0]).fit(mixed, np.arange(10.0))
    with pytest.raises(GraphError, match="column '0' has categories of the types int, str"):
        export(model, path)
    with pytest.raises(StateError, match="not a run of `backlit train`"):
        export(Run({}, nn.Linear(1, 1)), path)
    assert not list(tmp_path.iterdir())
