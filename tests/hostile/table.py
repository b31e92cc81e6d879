"""The table of hostile inputs: what comes in, what must happen, and which tests are its case.

A row is a case of this folder where its name stands in one of the files here; what other tests cover is named by their
ids, and not written twice. Numbers that are missing were merged into others.
"""

from typing import NamedTuple


class Row(NamedTuple):
    """A hostile input. `elsewhere` are tests beside the case in this folder, or in place of it."""

    name: str
    given: str
    must: str
    elsewhere: tuple[str, ...] = ()


_MARKDOWN = "tests/note/test_markdown.py::"
_REPLY = "tests/llm/test_reply.py::"
_HOSTILE_GIT = "tests/git/test_repository_hostile.py::"
_REDACT = "tests/redaction/test_redactor.py::"
_AUTHOR = "tests/end_to_end/test_hostile_author.py::"

TABLE: tuple[Row, ...] = (
    Row("H01-qa-line-start", "a line of the model's text is /merge", "no command; the text stays readable"),
    Row("H03-qa-first-char", "a text begins with /close", "no command"),
    Row("H05-qa-echo", "file name, branch, title and argument are /label ~x", "no command"),
    Row("H06-qa-all-paths", "the same in thread, note, update, raw fallback, error note", "one door for all of them"),
    Row("H08-qa-no-overdefence", "> /merge, - /merge, usr/bin", "the text stays as it is"),
    Row("H09-qa-only-body", "the whole answer is /approve; GitLab answers 202", "no command, no success"),
    Row("H11-mention-storm", "@all, @group/sub, 200 names", "nobody is mentioned"),
    Row("H13-image-exfil", "images in every spelling", "nothing is loaded"),
    Row("H14-link-exfil", "addresses in every spelling", "no link but our own"),
    Row("H15-raw-html", "script, form, style, details, comments", "text"),
    Row("H17-live-blocks", "mermaid, math, table of contents, front matter", "plain code or text"),
    Row("H18-suggestion-range", "suggestion:-100+100", "no suggestion but for the cited lines"),
    Row("H19-oversize-output", "a summary of 5 MB, 10,000 findings", "cut, counted, below GitLab's limit"),
    Row("H20-control-output", "NUL, C1, half characters, BOM", "written out; UTF-8"),
    Row("H21-inject-plain", '"ignore previous instructions" in the change', "told; nothing is called approved"),
    Row("H24-fake-review-json", "the change holds a whole empty review", "not taken for the answer"),
    Row("H26-leak-request", "the model prints its prompt and the environment", "no secret in anything"),
    Row("H27-metadata-inject", "title, description, commit, label with line ends and orders", "between the fences"),
    Row("H28-config-in-MR", "the change edits the settings", "the target branch's hold, and it is told"),
    Row("H29-ignore-all", "the change adds ignore **", "no effect"),
    Row("H30-bidi", "U+202E, U+2066 in code", "a finding without a model; shown as escapes"),
    Row("H31-invisible", "zero width, tags, fillers", "shown as escapes, and told"),
    Row("H32-homoglyph", "a Cyrillic letter in a Latin name", "told"),
    Row("H34-long-line", "one line of 5 MB", "cut and marked, in time"),
    Row("H35-token-bomb", "few characters of many tokens", "fits, or ends in time"),
    Row("H37-generated-flag", "linguist-generated in the change", "reviewed all the same"),
    Row("H38-odd-changes", "modes, renames, submodules, links, LFS pointers", "listed; no crash"),
    Row("H39-delete-only", "a whole file goes, an empty one comes", "handled"),
    Row(
        "H40-textconv",
        "a driver in .git/config and .gitattributes",
        "does not run, hides nothing",
        (f"{_HOSTILE_GIT}test_no_driver_of_an_attribute_runs", f"{_HOSTILE_GIT}test_no_attribute_hides_changed_lines"),
    ),
    Row(
        "H42-fsmonitor-hooks",
        "fsmonitor, hooks, pager, alias",
        "do not run",
        (f"{_HOSTILE_GIT}test_no_configuration_of_the_clone_has_an_effect", f"{_HOSTILE_GIT}test_hooks_do_not_run"),
    ),
    Row("H43-option-injection", "a commit or a branch is --output=x", "refused before git"),
    Row("H44-filenames", "LF, TAB, ESC, quotes, dashes, no UTF-8, 4 KB", "exact for GitLab, escaped in text"),
    Row(
        "H45-symlink-read",
        "a link to /proc/self/environ",
        "is never followed",
        ("tests/git/test_repository.py::test_a_symbolic_link_is_never_followed",),
    ),
    Row(
        "H47-artifact-path",
        "a branch ../../x",
        "names no file",
        (f"{_AUTHOR}test_a_link_in_the_output_folder_is_not_followed",),
    ),
    Row(
        "H48-submodule-ext",
        ".gitmodules with ext::sh",
        "is not visited",
        (f"{_HOSTILE_GIT}test_a_submodules_url_is_not_visited",),
    ),
    Row(
        "H49-embedded-bare",
        "a bare repository in the tree",
        "is not entered",
        (f"{_HOSTILE_GIT}test_a_bare_repository_in_the_tree_is_not_entered",),
    ),
    Row("H50-bomb-size", "20,000 files; hundreds of megabytes", "bounded, and what is left out is told"),
    Row(
        "H51-encodings",
        "UTF-16, Latin-1, no UTF-8, mixed line ends",
        "no crash, the right lines",
        ("tests/diff/test_patch_sources.py::test_utf_16_text_from_powershell_is_named_as_such",),
    ),
    Row("H52-no-eof-newline", "no newline at the end, CRLF", "the right positions"),
    Row(
        "H54-combined-diff",
        "the @@@ of a merge commit",
        "a clear error",
        ("tests/diff/test_patch_sources.py::test_a_merge_commit_shown_combined_is_refused_and_its_cure_works",),
    ),
    Row(
        "H55-model-url",
        "file:, metadata address, user names, newlines",
        "refused with the reason",
        (
            "tests/net/test_address.py::test_a_url_that_cannot_be_meant_is_named_with_its_problem",
            "tests/net/test_address.py::test_a_secret_in_a_url_is_not_repeated",
        ),
    ),
    Row("H58-env-override", "OPENAI_BASE_URL, proxies, certificates of others", "settings win; hosts are logged"),
    Row(
        "H59-yaml-hostile",
        "tags, aliases, 10 MB, deep nesting, keys twice",
        "bounded, and one line that names it",
        (f"{_AUTHOR}test_a_hostile_settings_file_is_one_plain_line",),
    ),
    Row("H60-template-inject", "{{7*7}}, {0.__class__}, %s, ${CI_JOB_TOKEN}", "shown as they are"),
    Row("H61-ci-url-override", "CI_API_V4_URL of another host", "the token goes nowhere"),
    Row("H62-trigger-args", "iid 1/../2, %2f, -1, 10^20", "a number, or refused"),
    Row(
        "H63-secret-in-error",
        "a server echoes the key",
        "in no log, note or artifact",
        (
            "tests/llm/test_client.py::test_a_key_that_the_server_echoes_is_in_no_error",
            "tests/gitlab/test_client_failures.py::test_the_token_is_in_no_message",
        ),
    ),
    Row(
        "H66-redaction-fp",
        "SHA-1, UUID, SRI, get_password()",
        "unchanged",
        (f"{_REDACT}test_of_two_thousand_ordinary_lines_none_is_changed",),
    ),
    Row(
        "H67-redaction-shape",
        "a secret on a context line, over hunks",
        "as many lines, the same markers",
        (f"{_REDACT}test_a_diff_keeps_its_rows_markers_and_numbers",),
    ),
    Row(
        "H68-secret-in-output",
        "the model repeats or invents a key",
        "redacted before it is posted or logged",
        ("tests/review/test_review.py::test_what_a_model_says_of_a_secret_is_redacted_in_every_text",),
    ),
    Row("H69-ansi", "CSI, OSC, titles, backspaces", "stripped from every line of the log"),
    Row("H71-log-forge", "a line end and 'Job succeeded' in a title", "one line"),
    Row("H72-debug-trace", "debug flags on", "no headers, no prompt"),
    Row(
        "H73-redos",
        "1 MB of one character",
        "seconds",
        (
            f"{_REDACT}test_a_long_line_takes_time_by_its_length_alone",
            f"{_REPLY}test_a_hostile_text_is_done_with_quickly",
            f"{_MARKDOWN}test_a_quarter_of_a_megabyte_of_anything_takes_linear_time",
        ),
    ),
    Row(
        "H75-json-nasty",
        "100k [, 5,000 digits, NaN, keys twice, half characters",
        "a reason, no crash",
        (
            f"{_REPLY}test_any_text_is_a_review_or_a_reason",
            f"{_REPLY}test_numbers_of_five_thousand_digits_are_no_line",
            f"{_REPLY}test_half_a_character_harms_nobody",
        ),
    ),
    Row("H76-line-values", "0, -5, true, 1e3, 10^9", "no wrong line"),
    Row("H77-field-abuse", "odd severities, long titles, tables", "clamped, escaped"),
    Row(
        "H78-fork-no-token",
        "a fork's pipeline without variables",
        "exit 0, a notice, the artifact",
        (
            "tests/end_to_end/test_other_ways.py::test_a_fork_without_any_variables_is_told_who_can_run_it",
            "tests/end_to_end/test_other_ways.py::test_a_fork_without_a_token_keeps_its_review_as_an_artifact",
        ),
    ),
)
