"""The merge request that the long story is about: its files at each push, its problems, and what the model says."""

from tests.support.consistency.mediocre import Problem, Saying

# -- the problems, by the words a model may use for them

NULL = Problem("null", ("issues if the input is null", "issues when the input is null"))
LEAK = Problem("leak", ("reads the invoices of all others",))
WIPE = Problem("wipe", ("delete a customer's rows",))
HANDLE = Problem("handle", ("file handle is never closed", "file handle opened here is never closed"))
ZERO = Problem("zero", ("divides by zero",))
TIMEOUT = Problem("timeout", ("without a timeout",))
SWALLOW = Problem("swallow", ("errors are swallowed",))
SEND = Problem("send", ("sends the mail twice",))
DOCSTRING = Problem("docstring", ("function has no docstring",))
GHOST = Problem("ghost", ("card number is written to the log", "number of the card is written to the log"))
LIMIT = Problem("limit", ("limit may be missing",))
LIST = Problem("list", ("list comprehension says this",))
UNIT = Problem("unit", ("constant has no unit",))
BUILTIN = Problem("builtin", ("variable hides a builtin",))
REACH = Problem("reach", ("line is never reached",))
PLURAL = Problem("plural", ("word is wrong for one item",))
PROBLEMS = (
    *(NULL, LEAK, WIPE, HANDLE, ZERO, TIMEOUT, SWALLOW, SEND, DOCSTRING, GHOST),
    *(LIMIT, LIST, UNIT, BUILTIN, REACH, PLURAL),
)

# -- what the model says, the row first

READ_ROW, SWALLOW_ROW = "handle = open(path)", "except Exception:"
QUERY_ROW, AVERAGE_ROW = 'rows = db.query("select * from invoices")', "return sum(prices) / len(prices)"
SEND_ROW, FETCH_ROW, COUNT_ROW = "send(order.customer, body)", "return request(url)", 'return f"{len(prices)} items"'
GUESS = "Readers must guess what it returns."

SAYS_NULL = Saying(QUERY_ROW, "This may cause issues if the input is null.", "low")
SAYS_NULL_AGAIN = Saying(QUERY_ROW, "May cause issues when the input is null here.", "low", off=3)
SAYS_LEAK = Saying(
    QUERY_ROW, "One customer reads the invoices of all others. The query has no filter by customer.", "high"
)
# It has every word of the remark that is waived by then, and says something else.
SAYS_WIPE = Saying(
    QUERY_ROW, "If the input is null, this may cause issues for all: anybody can delete a customer's rows.", "high"
)
SAYS_HANDLE = Saying(
    READ_ROW, "The file handle is never closed.", category="convention", fix="Use a context manager instead."
)
SAYS_HANDLE_AGAIN = Saying(READ_ROW, "The file handle opened here is never closed.", category="other")
SAYS_ZERO = Saying(
    AVERAGE_ROW, "An empty cart divides by zero.", off=7, fix="    return sum(prices) / max(len(prices), 1"
)
SAYS_ZERO_WORSE = Saying(AVERAGE_ROW, "Divides by zero: the cart may be empty.", "high", off=-2)
SAYS_TIMEOUT = Saying(FETCH_ROW, "Potential issue. A call without a timeout may hang forever.", "low")
SAYS_SWALLOW = Saying(SWALLOW_ROW, "Potential issue. All errors are swallowed here.")
SAYS_SEND = Saying(
    SEND_ROW, "A second call sends the mail twice.", fix="    order.notified or send(order.customer, body)"
)
SAYS_GHOST = Saying(
    "log(card.number)", "The card number is written to the log.", "high", "security", file="shop/billing.py"
)
SAYS_GHOST_AGAIN = Saying(
    "log(card.number)", "The number of the card is written to the log.", "high", "bug", file="shop/billing.py"
)
SAYS_LIMIT = Saying("rows = query(limit)", "The limit may be missing here.", "low")
SAYS_LIMIT_WORSE = Saying("rows = query(limit)", "The limit may be missing here.", "medium")
SAYS_LIST = Saying("found = []", "A list comprehension says this in one line.", "low", "simplification")
SAYS_UNIT = Saying("WAIT = 5", "This constant has no unit in its name.", "low", "convention")
SAYS_BUILTIN = Saying("for id in rows:", "The loop variable hides a builtin.", "medium", "convention")
SAYS_REACH = Saying("log(found)", "This line is never reached.", "medium", off=-1)
SAYS_PLURAL = Saying(COUNT_ROW, "The word is wrong for one item.", "low", "convention")


def say_docstring(parts: int, category: str = "convention") -> list[Saying]:
    """The same sentence about each function of the report."""
    return [
        Saying(f"def part_{number}(rows):", f"This function has no docstring. {GUESS}", "low", category)
        for number in range(1, parts + 1)
    ]


# -- the files


def cart(*, average: str = "", head: str = "") -> str:
    """A file of the target branch, to which the feature adds the average."""
    rows = [f"SHELF_{number} = {number}" for number in range(1, 21)]
    added = f"\n\ndef average(prices):\n    {average}\n\n\ndef count(prices):\n    {COUNT_ROW}\n" if average else ""
    return f'"""The cart."""\n\n{head}' + "\n".join(rows) + "\n" + added


def invoices(query: str = QUERY_ROW, result: str = "[row for row in rows if row]", head: str = "") -> str:
    """What a customer is to pay."""
    body = f"def load(customer):\n    {query}\n    return {result}\n"
    return f'"""The invoices of a customer."""\n\n{head}from shop import db\n\n\n{body}'


def store(*, fetch: str = FETCH_ROW, fixed: bool = False, head: str = "") -> str:
    """Reading and writing."""
    if fixed:
        read, save = (
            "    with open(path) as handle:\n        return handle.read()",
            "except OSError:\n        log(item)",
        )
    else:
        read, save = f"    {READ_ROW}\n    return handle.read()", f"{SWALLOW_ROW}\n        pass"
    return (
        f'"""What is in store."""\n\n{head}\ndef read(path):\n{read}\n\n\ndef fetch(url):\n    {fetch}\n\n\n'
        f"def save(item):\n    try:\n        item.save()\n    {save}\n"
    )


def mail(send: str, news: str = "", greeting: str = "Hello") -> str:
    """A file of the target branch: `news` and `greeting` are the target's own lines."""
    between = "\n".join(f"FOLDER_{number} = {number}" for number in range(1, 16))
    after = "\n".join(f"COLOUR_{number} = {number}" for number in range(1, 16))
    return (
        f'"""Mail."""\n\n{news}{between}\n\n\ndef notify(order):\n    body = render(order)\n    {send}\n\n\n{after}\n'
        f'GREETING = "{greeting}"\n'
    )


def report(parts: int, *, documented: bool = False) -> str:
    """Functions of one kind."""
    docstring = '    """The rows from here on."""\n' if documented else ""
    parted = (f"def part_{n}(rows):\n{docstring}    return rows[{n}:]\n" for n in range(1, parts + 1))
    return '"""A report."""\n\n\n' + "\n\n".join(parted)


def labels(*, unit: bool = False) -> str:
    """A file that has much that can be remarked on."""
    comment = "# WAIT is in seconds\n" if unit else ""
    return (
        f'"""Labels for the shelves."""\n\n{comment}WAIT = 5\n\n\ndef labels(limit):\n    rows = query(limit)\n'
        "    found = []\n    for id in rows:\n        found.append(str(id))\n    return found\n    log(found)\n"
    )
