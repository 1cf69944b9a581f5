"""What several tests of the compiler watch."""

from typing import Any

import pytest

from backlit.compiler import driver, executable, family


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Grows by one for each program for which machine code is generated, the disk's cache being off."""
    seen: list[Any] = []
    emit = driver.emit
    executable._cached_code.cache_clear()
    family.forget()

    def counting(*args: Any, **options: Any) -> Any:
        seen.append(args[0])
        return emit(*args, **options)

    monkeypatch.setattr(driver, "emit", counting)
    monkeypatch.setenv("BACKLIT_CACHE_DIR", "")
    return seen


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """A list that grows with each trace."""
    found: list[None] = []
    trace = family.Tracing.trace

    def noted(tracing: family.Tracing, rows: int | None) -> Any:
        found.append(None)
        return trace(tracing, rows)

    monkeypatch.setattr(family.Tracing, "trace", noted)
    return found
