"""The sixty faults, and for each the tests that meet it. Cases of this folder's tables begin with their row's name."""

from dataclasses import dataclass

_HERE = "faults/test_process_faults.py"
_FAILURES, _BOUNDS = "end_to_end/test_failures.py", "end_to_end/test_bounds.py"
_ONCE, _LATER = "end_to_end/test_at_most_once.py", "end_to_end/test_later_pushes.py"
_PIPELINE = "end_to_end/test_merge_request_pipeline.py"
_ENDPOINT, _REPLY, _PATIENCE = "llm/test_client.py", "llm/test_reply.py", "net/test_retry.py"
_GITLAB, _REFUSED = "gitlab/test_client.py", "gitlab/test_client_failures.py"


@dataclass(frozen=True)
class Row:
    """One fault. `tests` are those beside the cases of the tables: a file below tests/, and a function in it."""

    id: str
    fault: str
    tests: tuple[str, ...] = ()


ROWS = (
    Row(
        "F01",
        "the model's port is closed, and opens later",
        (
            f"{_HERE}::test_f01_a_server_that_still_starts_is_waited_for",
            f"{_FAILURES}::test_a_model_that_is_down_is_told_in_the_note",
        ),
    ),
    Row("F02", "its host has no address", (f"{_HERE}::test_f02_a_host_without_an_address_is_named_without_its_key",)),
    Row(
        "F03",
        "TLS fails",
        (
            f"{_HERE}::test_f03_a_certificate_nobody_vouches_for_is_refused_at_once",
            f"{_FAILURES}::test_https_to_a_server_without_tls_is_told_as_such",
        ),
    ),
    Row("F04", "no connection is taken", (f"{_ENDPOINT}::test_a_connection_that_is_not_taken_is_given_up",)),
    Row("F05", "the answer stalls", (f"{_ENDPOINT}::test_a_server_that_drips_is_given_up_after_the_timeout",)),
    Row("F06", "the connection is reset"),
    Row("F07", "the body is shorter than its length"),
    Row("F08", "200 with nothing"),
    Row("F09", "200 with a web page"),
    Row("F10", "200 with an error"),
    Row("F11", "choices that are empty or null"),
    Row("F12", "reasoning took all the room"),
    Row("F13", "thinking in the content", (f"{_REPLY}::test_thinking_cut_anywhere_is_no_raw_text",)),
    Row("F14", "JSON that is cut", (f"{_REPLY}::test_an_answer_cut_anywhere_has_whole_findings_or_none_and_says_so",)),
    Row("F15", "blanks without an end"),
    Row("F16", "the server ignores the constraint"),
    Row("F17", "400 to a schema", ("llm/test_ask.py::test_a_refused_form_steps_down_and_is_no_try",)),
    Row(
        "F18",
        "400, the context is full",
        ("llm/test_errors.py::test_every_wording_of_a_full_context_is_one_failure",),
    ),
    Row("F19", "400, and it stays full", ("review/test_review.py::test_a_prompt_is_halved_twice_at_the_most",)),
    Row("F20", "400 to a parameter"),
    Row("F21", "401, 403", (f"{_FAILURES}::test_a_model_that_refuses_says_why",)),
    Row("F22", "404, no such model", (f"{_FAILURES}::test_a_model_that_refuses_says_why",)),
    Row("F23", "408, 409"),
    Row("F24", "413 of a proxy"),
    Row("F25", "422"),
    Row("F26", "429 with any Retry-After", (f"{_PATIENCE}::test_a_retry_after_header_is_read_or_ignored",)),
    Row("F27", "500 once, 500 always"),
    Row("F28", "501"),
    Row("F29", "502, 503, 504 with a web page"),
    Row("F30", "503 that asks for minutes"),
    Row("F31", "half a stream"),
    Row("F32", "a stream with an error"),
    Row("F33", "bytes that are no UTF-8", (f"{_ENDPOINT}::test_invalid_utf_8_costs_the_character_and_not_the_reply",)),
    Row("F34", "numbers and nests that are none", (f"{_REPLY}::test_numbers_of_five_thousand_digits_are_no_line",)),
    Row("F35", "prose"),
    Row(
        "F36", "two objects, fences, prose around", (f"{_REPLY}::test_every_form_gives_the_findings_of_the_clean_one",)
    ),
    Row(
        "F37",
        "the job is cancelled",
        (
            f"{_BOUNDS}::test_a_cancelled_job_waits_for_no_answer",
            f"{_BOUNDS}::test_a_job_that_is_cancelled_while_it_posts_keeps_a_whole_review",
            f"{_FAILURES}::test_an_interrupted_run_says_so",
        ),
    ),
    Row(
        "F38",
        "a model slower than the job",
        (
            f"{_BOUNDS}::test_a_slow_model_costs_the_parts_there_is_no_time_for_and_neither_the_note_nor_the_job",
            f"{_BOUNDS}::test_a_run_that_hangs_ends_with_the_job_s_time",
            f"{_ENDPOINT}::test_all_attempts_together_keep_the_deadline",
        ),
    ),
    Row(
        "F39",
        "diff_refs of null",
        (
            f"{_PIPELINE}::test_a_diff_that_gitlab_has_not_made_yet_is_waited_for",
            f"{_GITLAB}::test_a_diff_that_does_not_come_is_not_waited_for_for_ever",
        ),
    ),
    Row(
        "F40",
        "the head moves",
        (
            f"{_HERE}::test_f40_a_push_during_the_review_leaves_what_was_reviewed_named",
            f"{_LATER}::test_a_run_of_an_older_push_that_ends_last_keeps_still",
        ),
    ),
    Row("F41", "400, no line code"),
    Row("F42", "400, the position is incomplete"),
    Row(
        "F43",
        "500 to a thread",
        (f"{_FAILURES}::test_the_number_of_threads_stays_one_when_gitlab_answers_an_error_to_what_it_stored",),
    ),
    Row(
        "F44",
        "no answer to what was stored",
        (
            f"{_ONCE}::test_one_failure_anywhere_changes_nothing",
            f"{_REFUSED}::test_a_server_that_does_not_answer_is_told_apart",
        ),
    ),
    Row("F45", "502 to a read, and to a post"),
    Row("F46", "429 on notes", (f"{_REFUSED}::test_the_limit_on_notes_is_waited_for_as_long_as_it_asks",)),
    Row("F47", "429 with any Retry-After, or none", (f"{_REFUSED}::test_any_retry_after_is_understood",)),
    Row("F48", "401, the token is expired", (f"{_FAILURES}::test_a_wrong_token_is_found_before_the_model_is_asked",)),
    Row("F49", "403", (f"{_FAILURES}::test_a_token_with_too_small_a_scope_is_told_the_cure",)),
    Row("F50", "404, 301", (f"{_FAILURES}::test_a_merge_request_that_is_not_there",)),
    Row("F51", "merged or closed meanwhile"),
    Row("F52", "409, plain or a lock"),
    Row("F53", "a note that is too long", ("note/test_summary_size.py::test_a_note_of_any_size_fits",)),
    Row("F54", "400 as plain text"),
    Row("F55", "202: commands ran"),
    Row("F56", "201 with a web page"),
    Row("F57", "more notes than a page", (f"{_GITLAB}::test_the_note_is_found_on_any_page",)),
    Row(
        "F58",
        "a crash between two posts",
        (
            f"{_ONCE}::test_a_run_after_one_that_died_ends_where_a_clean_one_does",
            f"{_ONCE}::test_a_killed_job_that_runs_again_ends_where_a_clean_one_does",
        ),
    ),
    Row(
        "F59",
        "two jobs at once",
        (
            f"{_HERE}::test_f59_two_jobs_at_once_leave_one_note_and_each_finding_once",
            f"{_ONCE}::test_two_runs_in_any_order_leave_nothing_twice",
        ),
    ),
    Row(
        "F60",
        "a note deleted by a person; a shallow clone; nothing to review",
        (
            "end_to_end/test_people.py::test_a_note_that_somebody_deleted_is_written_anew_and_no_thread_twice",
            f"{_GITLAB}::test_a_note_that_somebody_deletes_meanwhile_is_made_again",
            f"{_PIPELINE}::test_a_shallow_clone_is_completed_by_exactly_the_missing_commit",
            f"{_PIPELINE}::test_gitlabs_raw_diff_serves_where_git_cannot",
            "git/test_repository_hostile.py::test_somebody_elses_clone_is_read",
            f"{_PIPELINE}::test_nothing_to_review_is_success_and_no_new_note",
        ),
    ),
)
