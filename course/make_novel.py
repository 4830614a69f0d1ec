"""Makes the novel in course/data/ from a package of R: `python -m course.make_novel FOLDER`.

FOLDER is where the Debian package `r-cran-janeaustenr` 1.0.0-1 was unpacked (`apt-get download r-cran-janeaustenr`, then
`dpkg-deb -x FILE FOLDER`). It holds the lines of Jane Austen's six novels as R's vectors of strings, each compressed.
"""

import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

from course.novel import NAME

LIBRARY = "usr/lib/R/site-library/janeaustenr/data/Rdata.rdb"
TITLE = "PRIDE AND PREJUDICE"


def chunks(packed: bytes) -> Iterator[bytes]:
    """The objects in a file of R: four bytes of length, then zlib's data, one after the other."""
    while packed:
        stream = zlib.decompressobj()
        yield stream.decompress(packed[4:])
        packed = stream.unused_data


def strings(chunk: bytes) -> Iterator[str]:
    """The strings in an object of R: a head that ends in type 9, a length, the text."""
    end = 0
    for head in re.finditer(rb"\x00[\x00-\x0f]\x00\x09(....)", chunk, re.DOTALL):
        length = int.from_bytes(head[1], "big", signed=True)
        if head.start() >= end and length >= 0:
            end = head.end() + length
            yield chunk[head.end() : end].decode("utf-8")


def paragraphs(lines: list[str]) -> list[str]:
    """The novel's paragraphs, each in one line; without title, headings of chapters, and marks of emphasis."""
    blocks = " ".join(line or "\n" for line in lines).replace("_", "").split("\n")
    return [" ".join(block.split()) for block in blocks if block.strip() and not re.match(r"\s*(Chapter \d|PRIDE AND|By Jane)", block)]


def main(folder: Path, out: Path) -> None:
    """Write the novel, a paragraph a line. Raises ValueError if the package does not hold it."""
    for chunk in chunks((folder / LIBRARY).read_bytes()):
        lines = list(strings(chunk))
        if TITLE in lines[0]:
            (out / f"{NAME}.txt").write_text("\n".join(paragraphs(lines)) + "\n", encoding="utf-8")
            return
    raise ValueError(f"{folder / LIBRARY} does not hold the novel {TITLE}; was another version of the package unpacked?")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(__file__).parent / "data")
