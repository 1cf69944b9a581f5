"""scikit-learn's face: estimators for tables, trained as machine code."""

from typing import TYPE_CHECKING, Any

from backlit.sklearn.classifier import MLPClassifier
from backlit.sklearn.regressor import MLPRegressor

if TYPE_CHECKING:
    from backlit.sklearn.net_estimators import NetClassifier, NetRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "NetClassifier", "NetRegressor"]


def __getattr__(name: str) -> Any:
    """The estimators around modules, which need all of training, are imported when they are asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from backlit.sklearn import net_estimators

    return getattr(net_estimators, name)
