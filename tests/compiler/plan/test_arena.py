"""The arena's layout."""

from hypothesis import given
from hypothesis import strategies as st

from backlit.compiler.costs import Way
from backlit.compiler.phases import phases
from backlit.compiler.plan import plan
from backlit.compiler.plan.arena import LINE, layout
from tests.compiler.texts import parsed

SPANS = st.tuples(st.integers(0, 9), st.integers(0, 9)).map(sorted).map(tuple)


def overlaps(lifetimes, sizes, offsets):
    """Pairs that live at one time in one place."""
    found = []
    for a in lifetimes:
        for b in lifetimes:
            if a < b and lifetimes[a][0] <= lifetimes[b][1] and lifetimes[b][0] <= lifetimes[a][1]:
                apart = offsets[a] + sizes[a] <= offsets[b] or offsets[b] + sizes[b] <= offsets[a]
                found += [] if apart else [(a, b)]
    return found


@given(st.lists(st.tuples(SPANS, st.integers(0, 500)), max_size=12))
def test_what_lives_at_one_time_has_places_of_its_own(steps):
    lifetimes = {n: span for n, (span, _) in enumerate(steps)}
    sizes = {n: size for n, (_, size) in enumerate(steps)}
    offsets, total = layout(lifetimes, sizes)
    assert not overlaps(lifetimes, {n: max(s, 1) for n, s in sizes.items()}, offsets)
    assert all(offset % LINE == 0 and offset + sizes[n] <= total for n, offset in offsets.items())


def test_an_overlap_is_caught():
    assert overlaps({0: (0, 2), 1: (2, 3)}, {0: 8, 1: 8}, {0: 0, 1: 4}) == [(0, 1)]


def test_memory_is_used_again():
    steps = "".join(
        f"%{n} = view(%{n - 1})(0,(1, 8)) : f4[8, 8]\n%{n + 1} = product(%{n}, %{n - 1}) : f4[8, 8]\n"
        for n in range(1, 20, 2)
    )
    planned = plan(parsed(f"%0 = input() 0 : f4[8, 8]\n{steps}return %20"))
    lifetimes = phases(planned, [Way()] * len(planned.kernels), (), 0).lifetimes
    _, total = layout({n: one[:2] for n, one in lifetimes.items()}, {n: planned.size(n, 1) for n in lifetimes})
    # A product, the transpose that is read with it, and the next product.
    assert total <= 4 * 8 * 8 * 4
