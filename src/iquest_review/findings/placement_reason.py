"""Why a finding is not on its line."""

from enum import StrEnum


class PlacementReason(StrEnum):
    """Why a finding is not on its line. The values are what review.json and the note's memory hold."""

    NO_PATH = "the finding names no file"
    NO_FILE = "this file is not part of the reviewed change"
    NO_LINE = "the line is not in the diff"
    NO_QUOTE = "the quoted code is not in the diff"
    NO_ANCHOR = "the finding names no line"
    LONG_PATH = "the file name is too long for GitLab"
    UNREADABLE_PATH = "the file name is not UTF-8"
    NO_PLACE = "the finding has no position in the change"
    OVER_LIMIT = "over IQUEST_MAX_FINDINGS"
    REFUSED = "GitLab refused a thread here"

    @classmethod
    def _missing_(cls, value: object) -> "PlacementReason | None":
        """Read what another version wrote as the reason that says least."""
        return cls.NO_PLACE if isinstance(value, str) else None
