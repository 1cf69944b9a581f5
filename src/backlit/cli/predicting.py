"""`backlit predict`: a run's predictions for a data set or a file, as CSV."""

import csv
import io
import sys

from backlit.cli.preprocessing import Preprocessing
from backlit.cli.settings import PredictSettings
from backlit.data.datasets import load_features
from backlit.errors import FileError, MissingFileError
from backlit.serialization import write_whole
from backlit.train import Head, Run


def predict(settings: PredictSettings) -> None:
    """Write a row for each row of the data: the prediction, and for classes the probability of each.

    Raises:
        BacklitError: The run or the data cannot be used: see the message.
    """
    if not settings.run.is_dir():
        raise MissingFileError(f"no run {settings.run}; expected the folder that `backlit train` made")
    run = Run.load(settings.run)
    try:
        data = run.config["data"]
        names, head = data["feature_names"], Head(tuple(data["class_names"]))
        preprocessing = Preprocessing.from_dict(run.config["preprocessing"])
    except (KeyError, TypeError) as error:
        raise FileError(f"{settings.run}: not a run of the command, its configuration lacks {error}") from error
    features = preprocessing.features(load_features(settings.data, names))
    outputs = run.predict(features)
    predictions = head.predictions(outputs)
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    if head.class_names:
        writer.writerow(["prediction", *(f"p({name})" for name in head.class_names)])
        for number, shares in zip(predictions, head.probabilities(outputs), strict=True):
            writer.writerow([head.class_names[number], *(f"{share:.6g}" for share in shares)])
    else:
        writer.writerow(["prediction"])
        writer.writerows([f"{value:.9g}"] for value in preprocessing.original_target(predictions))
    if settings.out is None:
        sys.stdout.write(table.getvalue())
    else:
        write_whole(settings.out, table.getvalue().encode())
