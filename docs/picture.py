"""Renders a note the way GitLab shows it, for the picture in the README.

    make demo && .venv/bin/python -m docs.picture demo/note.md docs/note.png 720

Needs chromium. The markdown is rendered by comrak, GitLab's own parser; the style is an approximation of GitLab's.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.gitlab.quick_actions import rendered

PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 24px; width: 900px; background: #fff; color: #333238 }}
body {{ font: 14px/1.5 "GitLab Sans", "Noto Sans", sans-serif }}
article {{ border: 1px solid #dcdcde; border-radius: 8px; padding: 4px 20px 12px }}
h2 {{ font-size: 20px; margin: 16px 0 12px }} h3 {{ font-size: 16px; margin: 20px 0 8px }}
code {{ font: 12.5px "GitLab Mono", "DejaVu Sans Mono", monospace; padding: 2px 4px }}
code {{ background: #ececef; border-radius: 4px }}
pre {{ background: #fbfafd; border: 1px solid #dcdcde; border-radius: 4px; padding: 8px 12px }}
pre {{ white-space: pre-wrap; margin: 8px 0 }}
pre code {{ background: none; padding: 0 }} a {{ color: #1068bf; text-decoration: none }}
hr {{ border: 0; border-top: 1px solid #dcdcde; margin: 20px 0 12px }}
hr ~ * {{ font-size: 12.5px; color: #626168 }}
ul {{ padding-left: 22px }} li {{ margin: 6px 0 }} p {{ margin: 8px 0 }}
pre span {{ display: inline-block; width: 100% }} .old {{ background: #fbe9eb }} .new {{ background: #e6f6ec }}
</style><article>{note}</article>"""


def html(note: str) -> str:
    """The page with the note."""
    return PAGE.format(note=_DIFF.sub(_coloured, rendered(note)))


_DIFF = re.compile(r'(<pre[^>]*lang="diff"[^>]*><code>)(.*?)(</code>)', re.DOTALL)


def _coloured(block: re.Match[str]) -> str:
    classes = {"-": "old", "+": "new"}
    lines = [f'<span class="{classes.get(line[:1], "")}">{line}</span>' for line in block[2].rstrip("\n").split("\n")]
    return block[1] + "\n".join(lines) + block[3]


def main() -> None:
    """Writes the picture of the note named first to the file named second."""
    note, picture = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    height = sys.argv[3] if len(sys.argv) > 3 else "900"
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "note.html")
        page.write_text(html(note.read_text()))
        subprocess.run(
            [
                *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
                *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
                *(f"--user-data-dir={folder}", f"--window-size=996,{height}", f"--screenshot={picture}", page.as_uri()),
            ],
            check=True,
            capture_output=True,
        )


if __name__ == "__main__":
    main()
