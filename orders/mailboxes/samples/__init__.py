"""The mails that an empty installation begins with. The people in them are invented."""

from __future__ import annotations

import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent


def make_sample_maildir(path: Path) -> None:
    """Make a maildir with the sample mails, unless there is a folder already. Two processes may do so at once."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=path.parent, prefix=f"{path.name}-"))
    for folder in ("new", "cur", "tmp"):
        (made / folder).mkdir()
    for sample in sorted(FOLDER.glob("*.eml")):
        (made / "new" / sample.stem).write_bytes(sample.read_bytes())
    try:
        made.rename(path)
    except OSError:  # somebody was faster
        for file in (made / "new").iterdir():
            file.unlink()
        for folder in ("new", "cur", "tmp"):
            (made / folder).rmdir()
        made.rmdir()
