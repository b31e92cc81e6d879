"""What a target holds the product to."""


class Broken(AssertionError):
    """A promise that an input breaks."""


def holds(kept: bool, promise: str) -> None:
    """Nothing where the promise is kept; raises Broken, with the promise, where it is not."""
    if not kept:
        raise Broken(promise)


def parts(data: bytes, count: int) -> list[str]:
    """An input's texts, parted by the unit separator, as a decoder leaves them; always so many."""
    texts = [part.decode("utf-8", "replace") for part in data.split(b"\x1f", count - 1)]
    return texts + [""] * (count - len(texts))
