"""What people do on a merge request between two reviews, and what the next one makes of it."""

import pytest
import requests

from tests.support.gitlab.story import text
from tests.support.life import EVAL, PUSHED, ZERO, Life
from tests.support.pipeline import BOT, IID, PROJECT, bodies, git, summaries

BESIDE = {"a.txt": text("10=a / 0", "12=beside it", count=40)}  # the model is shown the hunk again


# -- words and emoji


def test_an_earlier_finding_that_stands_counts_for_fail_on(pushed: Life) -> None:
    pushed.review(code=1, IQUEST_FAIL_ON="high")
    pushed.pushes(PUSHED)

    pushed.review(code=1, IQUEST_FAIL_ON="high")
    pushed.review(code=1, IQUEST_FAIL_ON="high")


@pytest.mark.parametrize("way", ["resolved", "waived", "thumbs down"])
def test_an_earlier_finding_that_a_person_settled_does_not_count_for_fail_on(pushed: Life, way: str) -> None:
    pushed.review(code=1, IQUEST_FAIL_ON="high")
    thread = pushed.thread(ZERO)
    if way == "resolved":
        pushed.gitlab.resolve(PROJECT, IID, thread.id)
    elif way == "waived":
        pushed.says("ignore: the list is never empty", below=ZERO)
    else:
        pushed.gitlab.award(PROJECT, IID, thread.note, "thumbsdown", author="colleague")

    pushed.review(IQUEST_FAIL_ON="high")
    pushed.pushes(PUSHED)
    pushed.review(IQUEST_FAIL_ON="high")


@pytest.mark.parametrize(("author", "raised"), [("colleague", False), ("stranger", True)])
@pytest.mark.parametrize("way", ["thumbs down", "ignore: we know"])
def test_a_waiver_is_a_members_word(pushed: Life, author: str, raised: bool, way: str) -> None:
    pushed.review()
    if way == "thumbs down":
        pushed.gitlab.award(PROJECT, IID, pushed.thread(ZERO).note, "thumbsdown", author=author)
    else:
        pushed.says(way, below=ZERO, author=author)
    pushed.pushes({"a.txt": text("10=a / 0", "12=beside it", count=40)})

    finished = pushed.review(code=int(raised), IQUEST_FAIL_ON="high")

    assert "+10| a / 0" in pushed.prompt, "the model is shown the hunk and raises it again"
    assert ("1 finding not raised because it was waived" in pushed.note) != raised
    assert len(finished.review["findings"]) == int(raised)
    # A thread with replies can only be resolved by a developer, and the bot is a reporter.
    assert [thread.resolved_by for thread in pushed.threads] == [BOT if way == "thumbs down" and not raised else None]


def test_a_thread_that_a_person_resolved_is_not_opened_again(pushed: Life) -> None:
    pushed.review()
    pushed.gitlab.resolve(PROJECT, IID, pushed.thread(ZERO).id, author="colleague")
    pushed.pushes({"a.txt": text("10=a / 0", "12=beside it", count=40)})

    finished = pushed.review(IQUEST_FAIL_ON="high")

    assert "+10| a / 0" in pushed.prompt
    assert finished.review["findings"] == []
    assert "No findings" in pushed.note
    assert [thread.resolved_by for thread in pushed.threads] == ["colleague"]


def test_what_the_bot_resolved_comes_back_with_its_line(pushed: Life) -> None:
    pushed.review()
    pushed.pushes({"a.txt": text("10=a / 1", count=40)})
    pushed.review()
    assert [thread.resolved_by for thread in pushed.threads] == [BOT]
    assert "No findings" in pushed.note
    pushed.pushes({"a.txt": text("10=a / 0", count=40)})

    pushed.review()

    assert [thread.resolved_by for thread in pushed.threads] == [None]
    assert ZERO in pushed.note


@pytest.mark.parametrize(("said", "resolved_by"), [("Good catch, done.", BOT), ("Done? I do not think so.", None)])
def test_a_thread_whose_lines_are_gone_stays_open_where_somebody_disagreed(
    pushed: Life, said: str, resolved_by: str | None
) -> None:
    pushed.gitlab.add_user(BOT, role="developer")  # where others wrote, it takes that to resolve a thread
    pushed.review()
    pushed.says(said, below=ZERO)
    pushed.pushes({"a.txt": text("10=a / 1", count=40)})

    pushed.review()

    assert [thread.resolved_by for thread in pushed.threads] == [resolved_by]


# -- clicks


def test_a_fix_that_was_applied_by_a_click_is_settled_by_whom_clicked(pushed: Life) -> None:
    pushed.reader.wrong("a / 0", ZERO, suggestion="a / 1")
    pushed.review()
    pushed.gitlab.apply_suggestion(PROJECT, IID, pushed.thread(ZERO).note, author="colleague")
    head = pushed.gitlab.merge_request(PROJECT, IID).diff_refs.head

    pushed.review()

    assert "\n+a / 1\n" in git(pushed.checkout.path, "diff", f"{head}^", head)
    assert "+10| a / 1" in pushed.prompt
    assert [thread.resolved_by for thread in pushed.threads] == ["colleague"]
    assert "No findings" in pushed.note


# -- the note


def test_a_note_that_somebody_deleted_is_written_anew_and_no_thread_twice(pushed: Life) -> None:
    pushed.review()
    pushed.gitlab.delete_note(PROJECT, IID, summaries(pushed.gitlab)[0]["id"])

    pushed.review()

    assert "+10| a / 0" in pushed.prompt
    assert ZERO in pushed.note
    assert len(pushed.threads) == 1


@pytest.mark.parametrize("damage", ["cut", "garbled", "emptied"])
def test_a_note_that_somebody_edited_is_believed_nothing(pushed: Life, damage: str) -> None:
    pushed.review()
    stored = pushed.gitlab.stored_note(PROJECT, IID, summaries(pushed.gitlab)[0]["id"])
    hidden, data = stored.body.index(" data="), stored.body.index("data=") + 10
    stored.body = {
        "cut": stored.body[:hidden],
        "garbled": stored.body[:data] + "AAAA" + stored.body[data + 4 :],
        "emptied": "<!-- iquest-review:summary -->\n\nRemoved by an admin.",
    }[damage]

    pushed.review()

    assert "+10| a / 0" in pushed.prompt
    assert ZERO in pushed.note
    assert "Removed by an admin" not in pushed.note
    assert len(pushed.threads) == 1


def test_a_reply_to_the_note_stays_below_it(pushed: Life) -> None:
    pushed.review()
    [note] = summaries(pushed.gitlab)
    [place] = [one["id"] for one in pushed.gitlab.discussions(PROJECT, IID) if one["notes"][0]["id"] == note["id"]]
    pushed.gitlab.reply(PROJECT, IID, place, "Thanks.")
    pushed.pushes(PUSHED)

    pushed.review()

    [discussion] = [one for one in pushed.gitlab.discussions(PROJECT, IID) if one["id"] == place]
    first, reply = discussion["notes"]
    assert EVAL in first["body"]
    assert reply["body"] == "Thanks."
    assert sum(body.startswith("<!-- iquest-review:summary -->") for body in bodies(pushed.gitlab)) == 1


# -- whose token it is


def test_with_a_persons_token_their_own_notes_and_drafts_stay_theirs(pushed: Life) -> None:
    pushed.pushes(PUSHED)
    pushed.gitlab.add_note(PROJECT, IID, "I shall look at it, too.", author="colleague", thread=True)
    path = f"{pushed.gitlab.api_url}/projects/{PROJECT}/merge_requests/{IID}/draft_notes"
    colleague = {"PRIVATE-TOKEN": "of-colleague"}
    requests.post(path, json={"note": "Not yet said."}, headers=colleague, timeout=5).raise_for_status()

    pushed.review(GITLAB_API_TOKEN="of-colleague")
    pushed.pushes({"a.txt": text(count=40)})
    pushed.review(GITLAB_API_TOKEN="of-colleague")

    drafts = requests.get(path, headers=colleague, timeout=5).json()
    assert [draft["note"] for draft in drafts] == ["Not yet said."]
    assert [(thread.path, thread.resolved_by) for thread in pushed.threads] == [("a.txt", "colleague"), ("b.txt", None)]
    [own] = [note for note in pushed.gitlab.notes(PROJECT, IID) if note["body"] == "I shall look at it, too."]
    assert own["resolved"] is False
