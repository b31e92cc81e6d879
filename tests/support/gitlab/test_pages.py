"""How the pages of a list turn, and where they end."""

from collections.abc import Iterator

import gitlab as python_gitlab
import pytest

from tests.support.gitlab.checkout import Checkout
from tests.support.gitlab.story import Story


@pytest.fixture
def story(checkout: Checkout) -> Iterator[Story]:
    with Story(checkout) as story:
        story.opens({"a.txt": "a\n"}, {"a.txt": "b\n"})
        yield story


def test_pages_end_with_an_empty_next_page(story: Story) -> None:
    for number in range(5):
        story.gitlab.add_note(7, 1, f"note {number}", system=number == 0)
    first, last = (story("GET", f"notes?per_page=3&page={page}") for page in (1, 2))
    assert [note["body"] for note in first.json() + last.json()] == [f"note {number}" for number in (4, 3, 2, 1, 0)]
    assert [page.headers["X-Next-Page"] for page in (first, last)] == ["2", ""]
    assert (first.headers["X-Total"], first.headers["X-Total-Pages"]) == ("5", "2")
    assert first.links["next"]["url"].startswith("https://gitlab.example.com/api/v4/projects/7/")
    assert "next" not in last.links
    assert len(story("GET", "notes?activity_filter=only_comments").json()) == 4


def test_a_page_holds_twenty_and_a_hundred_at_most(story: Story) -> None:
    for number in range(101):
        story.gitlab.add_note(7, 1, f"note {number}")
    for path in ("notes", "discussions"):
        sizes = [len(story("GET", f"{path}{query}").json()) for query in ("", "?per_page=1000", "?per_page=100&page=2")]
        assert sizes == [20, 100, 1]
        assert story("GET", f"{path}?per_page=1000").headers["X-Per-Page"] == "100"
        assert story("GET", f"{path}?per_page=0").json() == {"error": "per_page has a value not allowed"}
    assert story("GET", "discussions?page=3&per_page=100").json() == []
    assert [note["body"] for note in story("GET", "notes?sort=asc&per_page=2").json()] == ["note 0", "note 1"]


def test_a_short_page_is_not_the_last(story: Story) -> None:
    for number in range(4):
        story.gitlab.add_note(7, 1, f"note {number}", readable=number != 0)
    first = story("GET", "discussions?per_page=2")
    assert (len(first.json()), first.headers["X-Next-Page"]) == (1, "2")
    assert len(story("GET", "discussions?per_page=2&page=2").json()) == 2


def test_above_ten_thousand_rows_nobody_counts(story: Story) -> None:
    story.gitlab.limits.rows_with_total = 2
    for number in range(3):
        story.gitlab.add_note(7, 1, f"note {number}")
    answer = story("GET", "discussions?per_page=1")
    assert "X-Total" not in answer.headers
    assert "X-Total-Pages" not in answer.headers
    assert "last" not in answer.links
    assert answer.headers["X-Next-Page"] == "2"


def test_python_gitlab_turns_the_pages_when_told_to_keep_its_host(story: Story) -> None:
    for number in range(30):
        story.gitlab.add_note(7, 1, f"note {number}")
    with python_gitlab.Gitlab(story.gitlab.url, private_token="of-reviewer", keep_base_url=True) as client:
        merge_request = client.projects.get(7).mergerequests.get(1)
        assert len(merge_request.notes.list(iterator=True)) == 30
        assert len(list(merge_request.discussions.list(iterator=True))) == 30
        assert client.user is None
