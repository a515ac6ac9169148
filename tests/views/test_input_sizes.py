"""Which size a network runs on, for the message about one on which it does not."""

from kdtoolbox.views import input_sizes


def fails_below(size: int):
    """A network that runs on pictures of at least so many pixels."""

    def run(pixels: int) -> None:
        if pixels < size:
            raise RuntimeError('Output size is too small')

    return run


def test_the_smallest_size_that_runs_is_found():
    assert input_sizes.size_it_runs_on(fails_below(100), above=32) == 112
    assert input_sizes.size_it_runs_on(fails_below(1000), above=32) is None


def test_the_search_ends_in_time(monkeypatch):
    tried, clock = [], iter(range(0, 1000, 10))
    monkeypatch.setattr(input_sizes.time, 'monotonic', lambda: next(clock))

    def run(pixels: int) -> None:
        tried.append(pixels)
        raise RuntimeError

    assert input_sizes.size_it_runs_on(run, above=32) is None
    assert tried == [48]
