"""What later pushes and other people do to a thread, as the double keeps it."""

from collections.abc import Iterator

import pytest

from tests.support.gitlab.checkout import Checkout
from tests.support.gitlab.story import Lines, Story, text

TEN_LINES = "".join(f"another text {number}\n" for number in range(10))


@pytest.fixture
def story(checkout: Checkout) -> Iterator[Story]:
    with Story(checkout) as story:
        yield story


# --- a push moves the threads ---


def test_an_added_line_keeps_its_thread_under_its_new_number(story: Story) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7+x")})
    thread = story.thread((None, 8))
    before = story.shown(thread)[0]["updated_at"]
    story.pushes({"a.txt": text("2+y", "3+y", "7+x")})
    assert story.stands(thread) == ("a.txt", None, 10)
    story.pushes({"b.txt": "elsewhere\n"})
    assert story.stands(thread) == ("a.txt", None, 10)
    (note,) = story.shown(thread)
    assert (note["updated_at"], note["resolved"]) == (before, False)


@pytest.mark.parametrize(("lines", "there"), [((2, 2), (2, 3)), ((5, 5), (5, 6)), ((18, 19), (18, 20))], ids=str)
def test_a_context_line_keeps_its_thread_inside_and_outside_the_hunks(story: Story, lines: Lines, there: Lines) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7+x")})
    thread = story.thread(lines)
    story.pushes({"a.txt": text("0+y", "7+x")})
    assert story.stands(thread) == ("a.txt", *there)


def test_a_removed_line_is_traced_on_the_old_side(story: Story) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7-", "9-")})
    gone, back = story.thread((7, None)), story.thread((9, None))
    story.pushes({"a.txt": text("2+y", "7-")})
    assert story.stands(gone) == ("a.txt", 7, None)
    assert story.stands(back) == (None, 9, None)


def test_a_rebase_moves_the_old_side_too(story: Story) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7+x", "12-")})
    added, context, removed = story.thread((None, 8)), story.thread((5, 5)), story.thread((12, None))
    story.checkout.git("checkout", "--quiet", "--detach", story.refs.base)
    base = story.checkout.commit({"a.txt": text("1+on the target")})
    story.pushes({"a.txt": text("1+on the target", "7+x", "12-")}, base=base)
    assert story.stands(added) == ("a.txt", None, 9)
    assert story.stands(context) == ("a.txt", 6, 6)
    assert story.stands(removed) == ("a.txt", 13, None)


def test_an_added_line_that_came_to_the_target_is_context_now(story: Story) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7+x", "9+y")})
    thread = story.thread((None, 8))
    story.checkout.git("checkout", "--quiet", "--detach", story.refs.base)
    base = story.checkout.commit({"a.txt": text("7+x")})
    story.pushes({"a.txt": text("7+x", "9+y")}, base=base)
    assert story.stands(thread) == ("a.txt", 8, 8)


def test_a_line_that_is_gone_leaves_its_thread_behind_outdated(story: Story) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7=x")})
    thread, old = story.thread((None, 7)), story.refs
    story.pushes({"a.txt": text("2+y", "7=z")})
    remark, told = story.shown(thread)
    assert (remark["position"]["head_sha"], remark["position"]["new_line"]) == (old.head, 7)
    assert (told["system"], told["resolvable"], told["author"]["username"]) == (True, False, "author")
    assert told["body"] == "changed this line in version 2 of the diff"
    story.pushes({"a.txt": text("7=x")})
    assert story.stands(thread) == (None, None, 7)
    assert len(story.shown(thread)) == 2


def test_a_change_taken_back_leaves_its_threads_outdated(story: Story) -> None:
    story.opens({"a.txt": text(), "b.txt": "b\n"}, {"a.txt": text("7+x")})
    added, context = story.thread((None, 8)), story.thread((5, 5))
    story.pushes({"a.txt": text(), "b.txt": "c\n"})
    assert [story.stands(thread)[0] for thread in (added, context)] == [None, None]


@pytest.mark.parametrize(("traced", "there"), [(False, (None, None, 8)), (True, ("b.txt", None, 9))])
def test_a_file_renamed_by_the_push_takes_no_thread_along(
    story: Story, traced: bool, there: tuple[str | None, int | None, int | None]
) -> None:
    """GitLab compares the old names alone, and git sees no rename where it may not look at the new one."""
    story.gitlab.instance.traces_renames = traced
    story.opens({"a.txt": text()}, {"a.txt": text("7+x")})
    thread = story.thread((None, 8))
    story.pushes({"a.txt": None, "b.txt": text("0+y", "7+x")})
    assert story.stands(thread) == there


def test_a_file_renamed_from_the_start_keeps_its_threads(story: Story) -> None:
    story.opens({"a.txt": text()}, {"a.txt": None, "b.txt": text("7+x")})
    thread = story.thread((None, 8), "b.txt", old_path="a.txt")
    context = story.thread((5, 5), "b.txt", old_path="a.txt")
    story.pushes({"b.txt": text("0+y", "7+x")})
    assert story.stands(thread) == ("b.txt", None, 9)
    assert story.stands(context) == ("b.txt", 5, 6)


def test_new_and_deleted_files_keep_their_threads(story: Story) -> None:
    story.opens({"gone.txt": TEN_LINES}, {"gone.txt": None, "new.txt": text()})
    new, gone = story.thread((None, 4), "new.txt"), story.thread((4, None), "gone.txt")
    story.pushes({"new.txt": text("0+y")})
    assert story.stands(new) == ("new.txt", None, 5)
    assert story.stands(gone) == ("gone.txt", 4, None)


def test_a_note_on_a_file_is_outdated_by_whatever_touches_the_file(story: Story) -> None:
    story.opens({"a.txt": text(), "b.txt": "b\n"}, {"a.txt": text("7+x"), "b.txt": "c\n"})
    touched = story.thread((None, None), position_type="file")
    quiet = story.thread((None, None), "b.txt", position_type="file")
    story.pushes({"a.txt": text("7+x", "9+y")})
    assert [story.stands(thread)[0] for thread in (touched, quiet)] == [None, "b.txt"]
    assert story.shown(touched)[1]["body"] == "changed this file in version 2 of the diff"


def test_replies_move_with_their_thread_and_line_codes_follow(story: Story) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7+x")})
    thread = story.thread((None, 8))
    reply = story.gitlab.reply(7, 1, thread, "why?")
    story.pushes({"a.txt": text("0+y", "7+x")})
    assert [note["position"]["new_line"] for note in story.shown(thread)] == [9, 9]
    assert str(story.gitlab.stored_note(7, 1, reply).line_code).endswith("_8_9")


def test_a_project_may_resolve_outdated_threads_by_itself(story: Story) -> None:
    story.gitlab.instance.projects[7].resolve_outdated = True
    story.opens({"a.txt": text()}, {"a.txt": text("7=x", "15=x")})
    gone, kept = story.thread((None, 7)), story.thread((None, 15))
    story.pushes({"a.txt": text("7=z", "15=x")})
    assert [story.shown(thread)[0]["resolved"] for thread in (gone, kept)] == [True, False]
    assert story.shown(gone)[0]["resolved_by"]["username"] == "author"


def test_versions_tell_when_they_came_newest_first(story: Story) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7=x")})
    first = story.refs
    story.pushes({"a.txt": text("7=y")})
    newer, older = story("GET", "versions").json()
    assert (newer["id"], older["id"]) == (2, 1)
    assert newer["created_at"] > older["created_at"]
    shas = {name: newer[f"{name}_commit_sha"] for name in ("base", "start", "head")}
    assert shas == {"base": story.refs.base, "start": story.refs.start, "head": story.refs.head}
    assert (older["head_commit_sha"], older["state"]) == (first.head, "collected")
    story.gitlab.add_merge_request(7, 2, diff_refs=type(first)(first.head, first.head, first.head))
    assert story("GET", "/projects/7/merge_requests/2/versions").json()[0]["state"] == "empty"


# --- people ---


def test_people_reply_resolve_and_delete(story: Story) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7=x")})
    thread = story.thread((None, 7))
    reply = story.gitlab.reply(7, 1, thread, "no", author="developer")
    assert [(n["id"] == reply, n["author"]["username"]) for n in story.shown(thread)] == [
        (False, "reviewer"),
        (True, "developer"),
    ]
    story.gitlab.resolve(7, 1, thread, author="developer")
    story.gitlab.resolve(7, 1, thread, author="author")
    assert [note["resolved_by"]["username"] for note in story.shown(thread)] == ["developer", "developer"]
    story.gitlab.resolve(7, 1, thread, resolved=False)
    assert [(note["resolved"], note["resolved_by"]) for note in story.shown(thread)] == [(False, None)] * 2
    story.gitlab.delete_note(7, 1, reply)
    assert len(story.shown(thread)) == 1
    plain = story.gitlab.add_note(7, 1, "not to be resolved")
    with pytest.raises(ValueError, match="can not be resolved"):
        story.gitlab.resolve(7, 1, story.gitlab.discussions(7, 1)[-1]["id"])
    assert story.gitlab.stored_note(7, 1, plain).type is None


def test_an_outdated_thread_can_still_be_answered(story: Story) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7=x")})
    thread = story.thread((None, 7))
    story.pushes({"a.txt": text()})
    answer = story("POST", f"discussions/{thread}/notes", {"body": "was it this?"})
    assert (answer.status_code, answer.json()["position"]["new_line"]) == (201, 7)
    assert story("PUT", f"discussions/{thread}", {"resolved": True}, user="author").status_code == 200
    assert [note["resolved"] for note in story.shown(thread) if not note["system"]] == [True, True]


def test_a_thread_lists_its_notes_and_each_note_alone(story: Story) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7=x")})
    thread = story.thread((None, 7))
    reply = story.gitlab.reply(7, 1, thread, "why?")
    assert [note["body"] for note in story("GET", f"discussions/{thread}/notes").json()] == ["remark", "why?"]
    assert story("GET", f"discussions/{thread}/notes/{reply}").json()["body"] == "why?"
    assert story("GET", f"discussions/{thread}/notes/1").status_code == 404


def test_an_emoji_is_listed_with_who_gave_it(story: Story) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7=x")})
    note = story.shown(story.thread((None, 7)))[0]["id"]
    given = story.gitlab.award(7, 1, note, "thumbsdown", author="developer")
    (award,) = story("GET", f"notes/{note}/award_emoji").json()
    assert (award["id"], award["name"], award["user"]["username"]) == (given, "thumbsdown", "developer")
    assert (award["awardable_id"], award["awardable_type"]) == (note, "Note")


def test_members_tell_their_access_level(story: Story) -> None:
    story.gitlab.add_user("reader", token="of-reader", role="reporter", scopes={"read_api"})
    ids = {name: user.id for name, user in story.gitlab.instance.users.items()}
    path = "/projects/group%2Fapp/members/all"
    for user in ("reviewer", "reader"):
        member = story("GET", f"{path}/{ids['developer']}", user=user).json()
        facts = (member["id"], member["username"], member["access_level"])
        assert facts == (ids["developer"], "developer", 30)
    for number in (ids["stranger"], 1):
        answer = story("GET", f"{path}/{number}")
        assert (answer.status_code, answer.json()) == (404, {"message": "404 Not found"})
    assert story("GET", f"{path}/{ids['developer']}", user="stranger").json() == {"message": "404 Project Not Found"}
    listed = {member["username"]: member["access_level"] for member in story("GET", path).json()}
    assert listed == {"reviewer": 20, "developer": 30, "author": 20, "reader": 20}
