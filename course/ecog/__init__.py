"""Electrocorticography for lesson 08: a simulated session, a loader for real ones, and causal features.

recording = session(seed)            # simulated; made on first use, then read from a cache folder
recording = load("my_session.nwb")   # a real one: NWB, or BrainVision and EDF where MNE is installed
data = features(recording)           # data.x (bin, electrode, band), data.y (bin, quantity), data.target (bin,)
data = load_pair("data.npy", "labels.npy")
"""

from course.ecog.features import BANDS, FILTER_MEMORY_S, STEP_S, Features, check_length, features, load_pair
from course.ecog.recording import Recording, load
from course.ecog.session import session, simulate

__all__ = [
    "BANDS",
    "FILTER_MEMORY_S",
    "STEP_S",
    "Features",
    "Recording",
    "check_length",
    "features",
    "load",
    "load_pair",
    "session",
    "simulate",
]
