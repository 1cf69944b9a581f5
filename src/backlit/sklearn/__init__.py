"""scikit-learn's face: estimators for tables, trained as machine code."""

from backlit.sklearn.classifier import MLPClassifier
from backlit.sklearn.net_estimators import NetClassifier, NetRegressor
from backlit.sklearn.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "NetClassifier", "NetRegressor"]
