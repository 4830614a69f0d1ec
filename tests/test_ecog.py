"""The ECoG course data: the simulated session, the loader, the features, and what each says about a recording it cannot use."""

from __future__ import annotations

import dataclasses
import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest

from course import ecog

SECONDS = 120.0


@pytest.fixture(scope="module")
def made() -> ecog.Recording:
    return ecog.simulate(7, SECONDS)


@pytest.fixture(scope="module")
def data(made: ecog.Recording) -> ecog.Features:
    return ecog.features(made)


@pytest.fixture
def noise() -> ecog.Recording:
    """Ten seconds of four electrodes of noise and one quantity."""
    rng = np.random.default_rng(0)
    return ecog.Recording(
        signal=rng.normal(size=(5000, 4)).astype(np.float32),
        rate=500.0,
        behavior=rng.normal(size=(1000, 1)).astype(np.float32),
        behavior_rate=100.0,
        behavior_names=("force",),
        electrodes=("A1", "A2", "A3", "A4"),
    )


def band_power(signal: np.ndarray, rate: float, low: float, high: float) -> np.ndarray:
    """Power between two frequencies. (electrode,)"""
    spectrum = np.abs(np.fft.rfft(signal - signal.mean(axis=0), axis=0)) ** 2
    frequencies = np.fft.rfftfreq(len(signal), 1 / rate)
    return spectrum[(frequencies >= low) & (frequencies < high)].mean(axis=0)


# The simulated session


def test_a_seed_gives_the_same_session_again(made):
    again = ecog.simulate(7, SECONDS)
    assert np.array_equal(again.signal, made.signal) and np.array_equal(again.behavior, made.behavior)


def test_another_seed_is_another_session(made):
    assert not np.allclose(ecog.simulate(8, SECONDS).signal, made.signal)


def test_a_session_says_that_it_is_simulated(made):
    assert made.simulated and "simulated" in repr(made)


def test_the_grid_has_sixty_four_electrodes_five_millimeters_apart(made):
    assert made.positions.shape == (64, 2)
    assert np.unique(np.round(np.diff(np.unique(made.positions[:, 0])), 6)).tolist() == [5.0]


def test_every_target_comes_equally_often(made):
    counts = np.bincount(made.trials["target"], minlength=8)
    assert len(counts) == 8 and counts.max() - counts.min() <= 1


def test_events_of_a_trial_come_in_order(made):
    names = ("start_time", "target_on_time", "go_cue_time", "move_onset_time", "move_end_time", "return_onset_time", "stop_time")
    assert (np.diff([made.trials[name] for name in names], axis=0) > 0).all()


def test_velocity_is_the_derivative_of_position(made):
    position, velocity = made.behavior[:, :2].astype(float), made.behavior[:, 2:]
    assert np.allclose(np.gradient(position, 1 / made.behavior_rate, axis=0), velocity, atol=0.1)


def test_the_hand_is_at_the_target_when_the_reach_ends(made):
    angle = 2 * np.pi * made.trials["target"] / 8
    there = made.behavior[np.ceil(made.trials["move_end_time"] * made.behavior_rate).astype(int) + 2, :2]
    miss = np.linalg.norm(there - 120 * np.stack([np.cos(angle), np.sin(angle)], axis=1), axis=1)
    assert miss.max() < 30


def test_the_background_falls_with_frequency(made):
    power = [np.median(band_power(made.signal[:30000], made.rate, low, 1.4 * low)) for low in (1, 5, 33, 125)]
    assert power[0] > 4 * power[1] > 16 * power[2] > 64 * power[3]


def test_the_power_line_stands_out(made):
    line, beside = (band_power(made.signal, made.rate, low, low + 1) for low in (59.5, 55.0))
    assert (line > 10 * beside).all()


def test_neighboring_electrodes_share_their_noise(made):
    together = np.corrcoef(made.signal[:30000].T)
    neighbor, far = np.mean([together[e, e + 1] for e in range(0, 64, 8)]), np.mean(np.abs(together[0, 60:]))
    assert neighbor > 0.5 and neighbor > 2 * far


def test_high_gamma_rises_and_rhythms_fall_with_speed(data):
    speed = np.linalg.norm(data.y, axis=1)
    related = [[np.corrcoef(data.x[60:, e, band], speed[60:])[0, 1] for e in range(64)] for band in (0, 1)]
    assert max(related[0]) > 0.3 and min(related[1]) < -0.2


def test_high_gamma_goes_with_direction_less_than_with_speed(data):
    speed = np.linalg.norm(data.y, axis=1)
    with_speed = max(np.corrcoef(data.x[60:, e, 0], speed[60:])[0, 1] for e in range(64))
    with_direction = max(abs(np.corrcoef(data.x[60:, e, 0], data.y[60:, i])[0, 1]) for e in range(64) for i in range(2))
    assert with_speed > 1.5 * with_direction


# A session on disk


def test_a_session_is_stored_as_nwb_and_comes_back(tmp_path, made):
    stored = ecog.session(7, folder=tmp_path, seconds=SECONDS, progress=False)
    assert [path.suffix for path in tmp_path.iterdir()] == [".nwb"]
    assert np.abs(stored.signal - made.signal).max() <= 0.0501  # half a step of 0.1 microvolt
    assert np.array_equal(stored.behavior, made.behavior) and np.array_equal(stored.trials["target"], made.trials["target"])
    assert (stored.rate, stored.behavior_names, stored.electrodes) == (made.rate, made.behavior_names, made.electrodes)
    assert np.allclose(stored.positions, made.positions) and stored.simulated


def test_a_stored_session_is_read_and_not_made_again(tmp_path):
    ecog.session(7, folder=tmp_path, seconds=20, progress=False)
    (path,) = tmp_path.iterdir()
    before = path.stat().st_mtime_ns
    ecog.session(7, folder=tmp_path, seconds=20, progress=False)
    assert path.stat().st_mtime_ns == before


def test_making_a_session_shows_progress(tmp_path, capsys):
    ecog.session(7, folder=tmp_path, seconds=20)
    assert "64 of 64 electrodes" in capsys.readouterr().out


def test_electrodes_can_be_left_out(tmp_path):
    ecog.session(7, folder=tmp_path, seconds=20, progress=False)
    recording = ecog.load(next(tmp_path.iterdir()), without=["E02", "E64"])
    assert recording.signal.shape[1] == 62 and "E02" not in recording.electrodes and len(recording.positions) == 62


# Features


def test_features_have_a_vector_for_each_electrode_every_fifty_milliseconds(data):
    assert data.x.shape == (2400, 64, 3) and data.y.shape == (2400, 2) and data.target.shape == (2400,)
    assert data.flat.shape == (2400, 192) and data.names == ("hand velocity x", "hand velocity y")


def test_causal_features_do_not_see_the_future(noise):
    changed = noise.signal.copy()
    changed[2500:] *= 10
    before, after = (ecog.features(dataclasses.replace(noise, signal=signal)).x for signal in (noise.signal, changed))
    assert np.array_equal(before[:100], after[:100]) and not np.allclose(before[100:], after[100:])


def test_acausal_features_do_see_the_future(noise):
    changed = noise.signal.copy()
    changed[2500:] *= 10
    before, after = (ecog.features(dataclasses.replace(noise, signal=signal), causal=False).x for signal in (noise.signal, changed))
    assert np.abs(before[98:100] - after[98:100]).max() > 0.1


def test_a_feature_forgets_within_the_filter_memory(noise):
    changed = noise.signal.copy()
    changed[2400:2500] += 5
    before, after = (ecog.features(dataclasses.replace(noise, signal=signal)).x for signal in (noise.signal, changed))
    later = 100 + round(ecog.FILTER_MEMORY_S / 0.05)
    assert np.abs(after[later:] - before[later:]).max() < 0.01 * np.abs(after[98:later] - before[98:later]).max()


@pytest.mark.parametrize(("band", "hertz"), [(0, 100.0), (1, 18.0)])
def test_a_rhythm_shows_in_its_own_band(noise, band, hertz):
    wave = np.sin(2 * np.pi * hertz * np.arange(5000) / 500)[:, None] * np.array([5.0, 0, 0, 0])
    louder = ecog.features(dataclasses.replace(noise, signal=(noise.signal + wave).astype(np.float32))).x - ecog.features(noise).x
    gain = louder[60:, 0, :2].mean(axis=0)
    assert gain[band] > 2 and gain[1 - band] < 0.5


def test_the_power_line_is_notched_out(noise):
    wave = 50 * np.sin(2 * np.pi * 120 * np.arange(5000) / 500)[:, None] * np.array([1.0, 0.5, 0.2, 0])
    with_line = ecog.features(dataclasses.replace(noise, signal=(noise.signal + wave).astype(np.float32))).x
    assert np.abs(with_line[60:, :, 0] - ecog.features(noise).x[60:, :, 0]).mean() < 0.1


def test_a_ramp_of_velocity_is_averaged_over_its_bin(noise):
    ramp = np.arange(1000, dtype=np.float32)[:, None]
    data = ecog.features(dataclasses.replace(noise, behavior=ramp))
    assert np.allclose(data.y[:3, 0], [2, 7, 12])


def test_targets_mark_planning_and_reaching(made, data):
    first = made.trials["target_on_time"][3] / 0.05
    last = made.trials["move_end_time"][3] / 0.05
    assert (data.target[int(first) + 1 : int(last)] == made.trials["target"][3]).all()
    assert data.target[int(first) - 1] == -1 and data.target[int(last) + 1] == -1


def test_the_two_arrays_of_the_first_demo_come_back(tmp_path, data):
    stored = ecog.load_pair(*data.save_pair(tmp_path))
    assert np.array_equal(stored.x, data.flat) and np.array_equal(stored.y[:, :2], data.y)
    assert np.array_equal(stored.y[:, 2], data.target)


def test_labels_may_be_a_single_column(tmp_path):
    np.save(tmp_path / "data.npy", np.ones((90, 20)))
    np.save(tmp_path / "labels.npy", np.arange(90))
    assert ecog.load_pair(tmp_path / "data.npy", tmp_path / "labels.npy").y.shape == (90, 1)


# Recordings that cannot be used


def test_nan_electrodes_are_named_with_what_to_do(noise):
    signal = noise.signal.copy()
    signal[100, 1] = np.nan
    signal[:, 3] = 0
    with pytest.raises(ValueError, match=r"A2 with NaN.*A4 that never change.*without=\['A2', 'A4'\]"):
        dataclasses.replace(noise, signal=signal)


def test_behavior_and_signal_of_different_length_are_refused(noise):
    with pytest.raises(ValueError, match=r"signal lasts 10.00 s .* behavior 9.00 s .* cut both"):
        dataclasses.replace(noise, behavior=noise.behavior[:900])


def test_a_wrong_sampling_rate_is_found_by_the_time_it_implies(noise):
    with pytest.raises(ValueError, match=r"5.00 s \(5000 samples at 1000 Hz\).*sampling rates is wrong"):
        dataclasses.replace(noise, rate=1000.0)


def test_a_rate_of_zero_is_refused(noise):
    with pytest.raises(ValueError, match=r"rate is 0.0; expected a positive number"):
        dataclasses.replace(noise, rate=0.0)


def test_too_low_a_rate_for_high_gamma_is_refused(noise):
    slow = dataclasses.replace(noise, signal=noise.signal[:2500], rate=250.0)
    with pytest.raises(ValueError, match="250 samples a second; high gamma up to 150 Hz needs more than 300"):
        ecog.features(slow)


def test_a_step_between_samples_is_refused(noise):
    with pytest.raises(ValueError, match=r"step of 0.033 s is 16.5 samples at 500 Hz; expected a whole number"):
        ecog.features(noise, step=0.033)


def test_a_transposed_signal_is_recognized(noise):
    with pytest.raises(ValueError, match=r"shape \(4, 5000\).*pass signal.T"):
        dataclasses.replace(noise, signal=noise.signal.T)


def test_nan_behavior_is_refused(noise):
    behavior = noise.behavior.copy()
    behavior[3] = np.nan
    with pytest.raises(ValueError, match="Behavior force has NaN"):
        dataclasses.replace(noise, behavior=behavior)


def test_a_label_array_of_another_length_is_refused(tmp_path):
    np.save(tmp_path / "data.npy", np.ones((90, 20)))
    np.save(tmp_path / "labels.npy", np.arange(89))
    with pytest.raises(ValueError, match="90 bins of data and 89 of labels"):
        ecog.load_pair(tmp_path / "data.npy", tmp_path / "labels.npy")


def test_nan_channels_of_a_data_array_are_named(tmp_path):
    x = np.ones((90, 20))
    x[5, [2, 7]] = np.nan
    np.save(tmp_path / "data.npy", x)
    np.save(tmp_path / "labels.npy", np.arange(90))
    with pytest.raises(ValueError, match=r"Channels \[2, 7\]"):
        ecog.load_pair(tmp_path / "data.npy", tmp_path / "labels.npy")


def test_fewer_windows_than_the_gaps_need_are_refused():
    with pytest.raises(ValueError, match="150 bins: 131 windows of 20 bins, of which 160 are needed for 2 gaps"):
        ecog.check_length(150, window=20, gap=80)


def test_enough_windows_are_accepted():
    assert ecog.check_length(1000, window=20, gap=80) is None


def test_a_missing_file_is_reported_with_what_to_give(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No recording at .*session\(seed\)"):
        ecog.load(tmp_path / "nothing.nwb")


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "rec.eeg").write_bytes(b"0")
    with pytest.raises(ValueError, match=r"give the .vhdr, not the .eeg"):
        ecog.load(tmp_path / "rec.eeg")


def test_a_cut_nwb_file_is_refused(tmp_path):
    ecog.session(7, folder=tmp_path, seconds=20, progress=False)
    (path,) = tmp_path.iterdir()
    cut = tmp_path / "cut.nwb"
    cut.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(ValueError, match=r"cut.nwb is not a readable NWB file"):
        ecog.load(cut)


def test_an_unknown_electrode_is_refused(tmp_path):
    ecog.session(7, folder=tmp_path, seconds=20, progress=False)
    with pytest.raises(ValueError, match="no electrode E99; the electrodes are E01, E02"):
        ecog.load(next(tmp_path.iterdir()), without=["E99"])


# BrainVision


def write_brainvision(folder: Path, signal: np.ndarray, names: list[str], rate: float) -> Path:
    """A BrainVision recording with float32 samples, in microvolts, and the BIDS table of its channels. signal: (sample, channel)"""
    stem = "sub-01_task-grip_ieeg"
    signal.astype("<f4").tofile(folder / f"{stem}.eeg")
    channels = "\n".join(f"Ch{i + 1}={name},,1,µV" for i, name in enumerate(names))
    header = f"""Brain Vision Data Exchange Header File Version 1.0
[Common Infos]
Codepage=UTF-8
DataFile={stem}.eeg
MarkerFile={stem}.vmrk
DataFormat=BINARY
DataOrientation=MULTIPLEXED
NumberOfChannels={len(names)}
SamplingInterval={1e6 / rate:g}
[Binary Infos]
BinaryFormat=IEEE_FLOAT_32
[Channel Infos]
{channels}
"""
    (folder / f"{stem}.vhdr").write_text(header, encoding="utf-8")
    markers = f"Brain Vision Data Exchange Marker File, Version 1.0\n[Common Infos]\nDataFile={stem}.eeg\n[Marker Infos]\n"
    (folder / f"{stem}.vmrk").write_text(markers, encoding="utf-8")
    kinds = ["MISC" if name == "force" else "DBS" if name.startswith("STN") else "ECOG" for name in names]
    rows = "\n".join(f"{name}\t{kind}" for name, kind in zip(names, kinds, strict=True))
    (folder / "sub-01_task-grip_channels.tsv").write_text(f"name\ttype\n{rows}\n", encoding="utf-8")
    (folder / f"{stem}.json").write_text('{"PowerLineFrequency": 50}', encoding="utf-8")
    return folder / f"{stem}.vhdr"


@pytest.mark.skipif(importlib.util.find_spec("mne") is not None, reason="MNE is installed")
def test_without_mne_the_error_says_what_to_install(tmp_path):
    path = write_brainvision(tmp_path, np.ones((10, 1)), ["force"], 1000.0)
    with pytest.raises(ModuleNotFoundError, match=r"needs MNE-Python.*pip install mne"):
        ecog.load(path)


def test_a_brainvision_recording_is_read_with_its_bids_channel_types(tmp_path):
    pytest.importorskip("mne")
    signal = np.random.default_rng(0).normal(size=(2000, 4))
    recording = ecog.load(write_brainvision(tmp_path, signal, ["STN1", "ECOG1", "ECOG2", "force"], 1000.0))
    assert recording.electrodes == ("ECOG1", "ECOG2") and recording.behavior_names == ("force",)
    assert recording.rate == 1000.0 and recording.line_frequency == 50.0 and not recording.simulated
    assert np.allclose(recording.signal, signal[:, 1:3], atol=1e-3)


def test_a_brainvision_recording_without_behavior_asks_which_channel_it_is(tmp_path):
    pytest.importorskip("mne")
    path = write_brainvision(tmp_path, np.random.default_rng(0).normal(size=(2000, 2)), ["ECOG1", "ECOG2"], 1000.0)
    with pytest.raises(ValueError, match=r"load\(path, behavior="):
        ecog.load(path)


def test_files_of_a_session_need_no_network(tmp_path, made):
    stored = ecog.session(7, folder=tmp_path, seconds=20, progress=False)
    moved = tmp_path / "copy"
    moved.mkdir()
    shutil.copy(next(tmp_path.glob("*.nwb")), moved / "mine.nwb")
    assert np.array_equal(ecog.load(moved / "mine.nwb").signal, stored.signal)
