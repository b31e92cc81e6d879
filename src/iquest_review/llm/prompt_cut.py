"""Whether the server read the whole prompt, as far as its own count of tokens tells.

Ollama and some routers cut a prompt that is longer than their context window and answer with 200 (ollama#17889). Such
an answer says nothing about the code that was cut off. The only sign is a count of prompt tokens that is too small for
the text.
"""

import re
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field

from iquest_review.excerpt.excerpt import estimate_tokens
from iquest_review.excerpt.numbered_rows import count_bytes
from iquest_review.reasons.prompt import PromptCut

# A tokenizer makes at least one token of each word: it splits a text into words first. Long words have several, and of
# Chinese and Japanese three characters or fewer make one. White space and signs may be part of the next token, and a
# run of one character may be a single one, so these count as nothing.
_HAN = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"(?:[A-Za-z0-9]|[^\x00-\x7f{_HAN}]){{1,8}}|[{_HAN}]{{1,3}}")
_REPEATED = re.compile(r"(.)\1{3,}", re.DOTALL)
MAX_TOKEN_BYTES = 4  # of servers that divide the length of the text instead of counting
LEAST_SHARE = 0.75  # of the words; what remains is for a tokenizer that joins some of them
# A chat template alone takes as many. Servers that count only what they compute report 1 for a prompt in their cache.
MIN_COUNTED_TOKENS = 8


@dataclass
class SentPrompts:
    """The prompts that a server was sent in this run.

    Some servers count only what they did not have in their cache. They may have whatever a prompt shares with an
    earlier one, so that part of it is not counted on.
    """

    _texts: list[str] = field(default_factory=list)

    def find_cut(self, messages: Sequence[dict[str, str]], counted: int) -> PromptCut | None:
        """Return how the prompt was cut; None if nothing shows that it was. `counted` is the server's, 0 if unknown."""
        text = "\n\n".join(message["content"] for message in messages)
        shared = max((_count_shared_characters(text, earlier) for earlier in self._texts), default=0)
        self._texts.append(text)
        if counted < MIN_COUNTED_TOKENS or counted >= count_fewest_tokens(text[shared:]):
            return None
        return PromptCut(counted, sum(estimate_tokens(message["content"]) for message in messages))


def _count_shared_characters(text: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    sizes = range(1, min(len(text), len(other)) + 1)
    return bisect(sizes, False, key=lambda size: not other.startswith(text[:size]))


def count_fewest_tokens(text: str) -> int:
    """Return fewer tokens than any tokenizer in use makes of the text."""
    words = LEAST_SHARE * len(_WORD.findall(_REPEATED.sub(r"\1", text)))
    return int(min(words, count_bytes(text) / MAX_TOKEN_BYTES))
