"""The maze data: the simulated session, the reader of published files, the download, and the benchmark's scores."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import h5py
import numpy as np
import pytest

from course import cache, maze, neural_scores
from course.maze import dandi, simulate, truth


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """A simulated NWB file of 60 trials, and the truth beside it."""
    return maze.simulated_file(seed=3, folder=tmp_path_factory.mktemp("maze"), num_trials=60)


@pytest.fixture
def copy(small, tmp_path) -> Path:
    """A copy to break, with the truth beside it."""
    shutil.copy(truth.path_beside(small), tmp_path)
    return Path(shutil.copy(small, tmp_path))


# --- the file ----------------------------------------------------------------------------------------------------------------


def test_pynwb_accepts_our_file(small):
    import pynwb

    assert pynwb.validate(path=str(small)) == []


def test_the_published_columns_are_there(small):
    from pynwb import NWBHDF5IO

    with NWBHDF5IO(small, "r") as io:
        file = io.read()
        assert {"spike_times", "heldout", "obs_intervals", "electrodes"} <= set(file.units.colnames)
        published = (
            "start_time stop_time target_on_time go_cue_time move_onset_time split trial_type trial_version maze_id success rt delay"
        )
        assert set(f"{published} num_targets target_pos active_target num_barriers".split()) <= set(file.trials.colnames)
        assert {"hand_pos", "hand_vel", "cursor_pos"} <= set(file.processing["behavior"].data_interfaces)


def test_the_file_says_that_it_is_simulated(small):
    with h5py.File(small) as file:
        assert file["session_description"].asstr()[()].startswith("Simulated")
    session = maze.load(small)
    assert session.simulated and "simulated" in session.name


def test_the_same_seed_gives_the_same_session():
    one, two, other = (simulate.run(seed, num_trials=30) for seed in (5, 5, 6))
    assert all(np.array_equal(a, b) for a, b in zip(one.spike_times, two.spike_times, strict=True))
    assert not np.array_equal(one.spike_times[0], other.spike_times[0])


def test_a_half_made_file_never_appears_under_its_name(tmp_path, monkeypatch):
    from course.maze import nwb

    def fail(path, simulation):
        path.write_bytes(b"half")
        raise OSError("the disk is full")

    monkeypatch.setattr(nwb, "write", fail)
    with pytest.raises(OSError, match="disk is full"):
        maze.simulated_file(seed=1, folder=tmp_path, num_trials=20)
    assert list(tmp_path.iterdir()) == []


def test_the_session_is_kept_and_mended(tmp_path, monkeypatch, small):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    monkeypatch.setattr(maze, "simulated_file", functools.partial(maze.simulated_file, num_trials=60))  # not 600, to be quick
    for path in (small, truth.path_beside(small)):
        shutil.copy(path, tmp_path)
    written = (tmp_path / small.name).stat().st_mtime_ns
    maze.session(seed=3)
    assert (tmp_path / small.name).stat().st_mtime_ns == written
    (tmp_path / small.name).write_bytes(b"damaged")
    np.testing.assert_array_equal(maze.session(seed=3).heldin, maze.load(small).heldin)


def test_a_cache_that_cannot_be_written_says_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "file" / "cache"))
    with pytest.raises(PermissionError, match=f"Set {cache.VARIABLE}"):
        cache.folder()


# --- what is in it -----------------------------------------------------------------------------------------------------------


def test_rates_and_reaches_have_the_statistics_of_the_real_recording():
    simulation = simulate.run(seed=4, num_trials=200)
    trials = simulation.trials
    hz = np.array([len(times) for times in simulation.spike_times]) / ((trials.stop - trials.start).sum() / 1000)
    assert np.median(hz) == pytest.approx(1.5, abs=0.4)
    assert np.quantile(hz, 0.9) == pytest.approx(7.3, abs=1.5)
    assert 2.5 < hz.mean() < 3.3 and 13 < hz.max() < 24
    peak = [np.linalg.norm(v, axis=1).max() for v in simulation.velocity]
    assert 850 < np.median(peak) < 1000
    assert np.abs(np.concatenate(simulation.position)).max() < 200


def test_neurons_are_modulated_about_equally_deeply():
    simulation = simulate.run(seed=4, num_trials=60)
    around_reach = simulate._around_reach(simulation.trials, simulation.latents, simulation.latent_start)
    depth = (around_reach @ simulation.loadings.T).std(axis=(0, 1))  # of each neuron's log-rate
    assert np.median(depth) == pytest.approx(simulate.MODULATION, rel=0.05)
    assert np.log(depth).std() == pytest.approx(simulate.DEPTH_SPREAD, abs=0.03)


def test_sizes_are_those_of_the_large_recording():
    trials = simulate.run(seed=0, num_trials=600, num_heldin=4, num_heldout=2).trials
    assert [int((trials.split == s).sum()) for s in ("train", "val", "test")] == [375, 125, 100]
    assert len({(m, v) for m, v in zip(trials.maze, trials.version, strict=True)}) == 27


def test_a_session_has_named_arrays_of_agreeing_shapes(small):
    session = maze.load(small)
    assert session.heldin.shape == (60, 35, 122) and session.heldout.shape == (60, 35, 40)
    assert session.velocity.shape == session.position.shape == (60, 35, 2)
    assert session.rates_heldin.shape == session.heldin.shape and session.rates_heldout.shape == session.heldout.shape
    assert session.times[0] == -240 and session.times[-1] == 440
    assert set(session.units_heldin).isdisjoint(session.units_heldout)


def test_five_millisecond_bins_add_up_to_twenty(small):
    fine, coarse = maze.load(small, bin_ms=5), maze.load(small, bin_ms=20)
    assert fine.heldin.shape == (60, 140, 122)
    assert np.array_equal(fine.heldin.reshape(60, 35, 4, 122).sum(axis=2), coarse.heldin)
    np.testing.assert_allclose(fine.rates_heldout.reshape(60, 35, 4, 40).sum(axis=2), coarse.rates_heldout, rtol=1e-5)


def test_spikes_are_poisson_counts_of_the_true_rates(small):
    session = maze.load(small)
    expected, counts = session.rates_heldin.astype(float), session.heldin.astype(float)
    assert counts.sum() == pytest.approx(expected.sum(), abs=4 * np.sqrt(expected.sum()))
    dispersion = ((counts - expected) ** 2).sum() / expected.sum()
    assert dispersion == pytest.approx(1, abs=0.02)


def test_counts_are_those_of_a_count_by_hand(small):
    session = maze.load(small)
    with h5py.File(small) as file:
        row = int(np.flatnonzero(file["units/id"][:] == session.units_heldout[7])[0])
        ends = file["units/spike_times_index"][:]
        times = file["units/spike_times"][ends[row - 1] if row else 0 : ends[row]]
        onset = file["intervals/trials/move_onset_time"][11]
    from_here = [int(((times >= onset - 0.25 + b * 0.02) & (times < onset - 0.25 + (b + 1) * 0.02)).sum()) for b in range(35)]
    assert session.heldout[11, :, 7].tolist() == from_here


def test_the_hand_can_be_read_later_than_the_spikes(small):
    at_once, later = maze.load(small), maze.load(small, lag_ms=120)
    np.testing.assert_array_equal(at_once.velocity[:, 6:], later.velocity[:, :-6])
    np.testing.assert_array_equal(at_once.heldin, later.heldin)


def test_velocity_is_the_slope_of_position(small):
    session = maze.load(small, bin_ms=5)
    slope = (session.position[:, 2:] - session.position[:, :-2]) / 0.010
    assert np.abs(slope - session.velocity[:, 1:-1]).max() < 25


def test_the_hand_ends_at_the_reached_target(small):
    session = maze.load(small)
    on_screen = session.position[:, -1] + simulate.CURSOR_OFFSET
    straight = session.trial_version == 0
    assert np.linalg.norm(on_screen[straight] - session.target[straight], axis=1).max() < 25


def test_splits_are_apart_and_a_missing_one_is_named(small):
    session = maze.load(small)
    parts = [set(session.of(s).trial) for s in ("train", "val", "test")]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 60
    with pytest.raises(ValueError, match=r"no trials of the split 'dev'.*train"):
        session.of("dev")


def test_choosing_trials_chooses_them_in_every_array(small):
    session = maze.load(small)
    first = session.first(7)
    assert len(first) == 7 and first.rates_heldout.shape[0] == 7 and first.velocity.shape[0] == 7
    np.testing.assert_array_equal(first.condition, session.condition[:7])


# --- files that are not as they should be ------------------------------------------------------------------------------------


def test_a_missing_file_says_how_to_get_one(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"maze.session"):
        maze.load(tmp_path / "nothing.nwb")


def test_a_truncated_file_is_called_cut_short(copy):
    copy.write_bytes(copy.read_bytes()[:-100_000])
    with pytest.raises(maze.MazeFileError, match=r"is cut short.*download it again"):
        maze.load(copy)


def test_another_kind_of_file_is_named_so(tmp_path):
    path = tmp_path / "page.nwb"
    path.write_text("<html>Sign in</html>", encoding="utf-8")
    with pytest.raises(maze.MazeFileError, match="not an HDF5 file"):
        maze.load(path)


def test_an_hdf5_file_of_something_else_is_named_so(tmp_path):
    path = tmp_path / "other.nwb"
    with h5py.File(path, "w") as file:
        file["images"] = np.zeros(3)
    with pytest.raises(maze.MazeFileError, match=r"not a recording of the MC_Maze family. It holds: images"):
        maze.load(path)


@pytest.mark.parametrize("field", ["units/heldout", "intervals/trials/move_onset_time", "processing/behavior/hand_vel/timestamps"])
def test_a_missing_field_is_named(copy, field):
    with h5py.File(copy, "a") as file:
        del file[field]
    with pytest.raises(maze.MazeFileError, match=f"lacks {field}"):
        maze.load(copy)


def test_a_file_without_behavior_is_recognized_as_the_test_file(copy):
    with h5py.File(copy, "a") as file:
        del file["processing"]
    with pytest.raises(maze.MazeFileError, match=r"test file .*desc-train"):
        maze.load(copy)


def test_too_few_trials_are_refused(copy):
    with h5py.File(copy, "a") as file:
        file["intervals/trials/split"][5:] = "none"
    with pytest.raises(maze.MazeFileError, match="leaves 5 of 60 trials, and at least 10"):
        maze.load(copy)


def test_a_trial_whose_hand_is_missing_is_left_out_and_counted(copy):
    whole = maze.load(copy)
    with h5py.File(copy, "a") as file:
        onset = file["intervals/trials/move_onset_time"][8]
        when = file["processing/behavior/hand_vel/timestamps"][:]
        velocity = file["processing/behavior/hand_vel/data"]
        velocity[int(np.searchsorted(when, onset)) : int(np.searchsorted(when, onset + 0.1))] = np.nan
    with pytest.warns(UserWarning, match="1: hand not recorded in the whole window"):
        session = maze.load(copy)
    assert 8 not in session.trial and len(session) == len(whole) - 1
    assert np.isfinite(session.velocity).all()
    np.testing.assert_array_equal(session.rates_heldin, np.delete(whole.rates_heldin, 8, axis=0))


def test_a_window_that_reaches_into_a_gap_leaves_the_trial_out(copy):
    with h5py.File(copy, "a") as file:
        ends = file["units/obs_intervals_index"]
        stop = file["units/obs_intervals"][4, 0]
        observed = file["units/obs_intervals"][:]
        observed[4, 1] = stop + 0.5  # the recording of trial 4 stops before its movement
        file["units/obs_intervals"][...] = observed
        assert ends[0] == 60
    with pytest.warns(UserWarning, match="1: spikes not recorded in the whole window"):
        session = maze.load(copy)
    assert 4 not in session.trial and session.left_out == {"spikes not recorded in the whole window": 1}


def test_a_trial_without_movement_is_left_out(copy):
    with h5py.File(copy, "a") as file:
        file["intervals/trials/move_onset_time"][2] = np.nan
    with pytest.warns(UserWarning, match="1: no movement onset"):
        assert 2 not in maze.load(copy).trial


def test_bins_that_do_not_fill_the_window_are_refused(small):
    with pytest.raises(ValueError, match="divides 700 ms"):
        maze.load(small, bin_ms=30)


def test_true_rates_need_bins_of_whole_steps(small):
    with pytest.raises(ValueError, match="steps of 5 ms"):
        maze.load(small, bin_ms=7)


def test_truth_of_another_session_is_refused(copy):
    with h5py.File(copy, "a") as file:
        file["units/id"][0] = 1
    with pytest.raises(ValueError, match="does not belong to"):
        maze.load(copy)


def test_a_file_without_truth_beside_it_has_no_true_rates(copy):
    truth.path_beside(copy).unlink()
    session = maze.load(copy)
    assert session.rates_heldin is None and session.of("train").rates_heldout is None


def test_a_file_that_does_not_call_itself_simulated_is_not_called_so(copy):
    with h5py.File(copy, "a") as file:
        file["session_description"][()] = "A recording."
    assert not maze.load(copy).simulated


# --- the download, from a server on this machine -----------------------------------------------------------------------------

CONTENT = np.random.RandomState(0).bytes(700_000)
ASSET = "00000000-1111-2222-3333-444444444444"
VERSION = "0.220113.0000"


class Archive(ThreadingHTTPServer):
    """Speaks as much of DANDI's interface as a download needs, and can break a transfer."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.content, self.sha256 = CONTENT, hashlib.sha256(CONTENT).hexdigest()
        self.break_after: list[int] = []  # for each of the next transfers: bytes to send before the line breaks
        self.honors_ranges = True
        self.ranges: list[str | None] = []
        self.status: int | None = None
        self.url = f"http://127.0.0.1:{self.server_port}/api"


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        archive, path = self.server, self.path.split("?")[0]
        wanted = dandi.PUBLISHED["large"]
        assets = f"/api/dandisets/{wanted.dandiset}/versions/{VERSION}/assets/"
        if archive.status:
            self.send_error(archive.status)
        elif path == f"/api/dandisets/{wanted.dandiset}/":
            self._json({"most_recent_published_version": {"version": VERSION}})
        elif path == assets:
            self._json({"results": [{"asset_id": ASSET, "path": wanted.path}]})
        elif path == f"{assets}{ASSET}/":
            self._json({"digest": {"dandi:sha2-256": archive.sha256}})
        elif path == f"/api/assets/{ASSET}/download/":
            self._redirect()
        elif path == "/blob":
            self._blob()
        else:
            self.send_error(404)

    def _redirect(self):
        self.send_response(302)
        self.send_header("Location", "/blob")
        self.end_headers()

    def _json(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _blob(self):
        archive, asked = self.server, self.headers.get("Range")
        archive.ranges.append(asked)
        first = int(asked.removeprefix("bytes=").rstrip("-")) if asked and archive.honors_ranges else 0
        if first >= len(archive.content):
            self.send_error(416)
            return
        rest = archive.content[first:]
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if archive.break_after:
            rest = rest[: archive.break_after.pop(0)]
        self.wfile.write(rest)

    def log_message(self, *args):
        pass


@pytest.fixture
def archive():
    with Archive() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_download_arrives_whole_with_progress(archive, tmp_path, capsys):
    path = maze.download("large", folder=tmp_path, archive=archive.url)
    assert path.read_bytes() == CONTENT and path.name == "sub-Jenkins_ses-large_desc-train_behavior+ecephys.nwb"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert "Downloading MC_Maze large" in capsys.readouterr().out


def test_a_downloaded_file_is_not_downloaded_again(archive, tmp_path):
    maze.download("large", folder=tmp_path, archive=archive.url)
    archive.status = 500
    assert maze.download("large", folder=tmp_path, archive=archive.url).read_bytes() == CONTENT


def test_a_broken_transfer_goes_on_where_it_stopped(archive, tmp_path):
    archive.break_after = [200_000, 100_000]
    assert maze.download("large", folder=tmp_path, archive=archive.url).read_bytes() == CONTENT
    assert archive.ranges == [None, "bytes=200000-", "bytes=300000-"]


def test_the_next_call_resumes_what_an_earlier_one_left(archive, tmp_path):
    archive.break_after = [100_000] * dandi.ATTEMPTS
    with pytest.raises(maze.DownloadError, match="400,000 bytes are kept, and the next call goes on"):
        maze.download("large", folder=tmp_path, archive=archive.url)
    assert maze.download("large", folder=tmp_path, archive=archive.url).read_bytes() == CONTENT
    assert archive.ranges[-1] == "bytes=400000-"


def test_a_server_that_cannot_resume_sends_the_file_again(archive, tmp_path):
    archive.honors_ranges, archive.break_after = False, [300_000]
    assert maze.download("large", folder=tmp_path, archive=archive.url).read_bytes() == CONTENT


def test_a_complete_part_is_taken_as_it_is(archive, tmp_path):
    (tmp_path / "sub-Jenkins_ses-large_desc-train_behavior+ecephys.nwb.part").write_bytes(CONTENT)
    assert maze.download("large", folder=tmp_path, archive=archive.url).read_bytes() == CONTENT


def test_a_file_with_the_wrong_checksum_is_deleted(archive, tmp_path):
    archive.content = CONTENT[::-1]
    with pytest.raises(maze.DownloadError, match=r"was expected. It was deleted. Call maze.download again"):
        maze.download("large", folder=tmp_path, archive=archive.url)
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_is_explained(archive, tmp_path):
    archive.status = 403
    with pytest.raises(maze.DownloadError, match=r"answered 403.*maze.session\(\), which needs no network"):
        maze.download("small", folder=tmp_path, archive=archive.url)


def test_no_network_is_explained(archive, tmp_path):
    archive.shutdown()
    archive.server_close()
    with pytest.raises(maze.DownloadError, match="Check the network"):
        maze.download("large", folder=tmp_path, archive=archive.url)


def test_an_unknown_size_lists_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match="small, medium, large, full"):
        maze.download("huge", folder=tmp_path)


# --- scores, by hand ---------------------------------------------------------------------------------------------------------


def test_poisson_nll_by_hand():
    # Rates 0.5 and 2 with counts 1 and 3: 0.5 - ln 0.5 + ln 1! and 2 - 3 ln 2 + ln 3!.
    expected = (0.5 + np.log(2)) + (2 - 3 * np.log(2) + np.log(6))
    assert neural_scores.poisson_nll(np.array([[[0.5, 2.0]]]), np.array([[[1, 3]]])) == pytest.approx(expected, abs=1e-9)


def test_bits_per_spike_by_hand():
    # One neuron, counts 0 and 2, so the null model says 1 twice: its NLL is 2 + ln 2!.
    # Rates 0.5 and 1.5 have 2 - 2 ln 1.5 + ln 2!. The gain is 2 ln 1.5 nats over 2 spikes: log2(1.5) bits a spike.
    spikes, rates = np.array([[[0.0], [2.0]]]), np.array([[[0.5], [1.5]]])
    assert neural_scores.bits_per_spike(rates, spikes) == pytest.approx(np.log2(1.5), abs=1e-9)


def test_bits_per_spike_of_two_neurons_by_hand():
    # Neuron 1 counts 1, 1 (null 1, 1); neuron 2 counts 0, 4 (null 2, 2). The model says 1, 1 and 1, 3: the gain is 4 ln(3/2) over 6 spikes.
    spikes, rates = np.array([[[1.0, 0.0]], [[1.0, 4.0]]]), np.array([[[1.0, 1.0]], [[1.0, 3.0]]])
    assert neural_scores.bits_per_spike(rates, spikes) == pytest.approx(4 / 6 * np.log2(1.5), abs=1e-9)


def test_the_null_model_scores_zero():
    spikes = np.random.RandomState(0).poisson(0.3, (4, 5, 6)).astype(float)
    null = np.broadcast_to(spikes.mean(axis=(0, 1)), spikes.shape)
    assert neural_scores.bits_per_spike(null, spikes) == pytest.approx(0, abs=1e-9)


def test_a_rate_of_zero_counts_as_a_billionth():
    spikes = np.array([[[0.0], [2.0]]])
    as_zero, as_tiny = (neural_scores.bits_per_spike(np.array([[[r], [2.0]]]), spikes) for r in (0.0, 1e-9))
    assert as_zero == pytest.approx(as_tiny, abs=1e-9)


def test_bins_without_data_do_not_count():
    spikes, rates = np.array([[[0.0], [2.0], [np.nan]]]), np.array([[[0.5], [1.5], [7.0]]])
    assert neural_scores.bits_per_spike(rates, spikes) == pytest.approx(np.log2(1.5), abs=1e-9)


def test_log_rates_are_refused_as_rates():
    with pytest.raises(ValueError, match="exponentiate"):
        neural_scores.bits_per_spike(-np.ones((1, 2, 3)), np.ones((1, 2, 3)))


def test_r2_by_hand():
    # Column 1: 1 - 1/2. Column 2: 1 - 0/8.
    true, predicted = np.array([[0.0, 0.0], [1.0, 4.0], [2.0, 2.0]]), np.array([[0.0, 0.0], [1.0, 4.0], [1.0, 2.0]])
    assert neural_scores.r2(true, predicted) == pytest.approx((0.5 + 1.0) / 2, abs=1e-9)


def test_psth_r2_by_hand():
    # Two conditions of one bin and one neuron: PSTHs 1 and 3, three trials 1, 3, 3. The rates miss one by 1: 1 - 1 / (8/3).
    psth, condition = np.array([[[1.0]], [[3.0]]]), np.array([0, 1, 1])
    rates = np.array([[[1.0]], [[3.0]], [[2.0]]])
    assert neural_scores.psth_r2(psth, condition, rates) == pytest.approx(1 - 3 / 8, abs=1e-9)


def test_velocity_r2_equals_ridge_solved_by_hand():
    random = np.random.RandomState(1)
    rates, test_rates = random.randn(8, 5, 3), random.randn(4, 5, 3)
    weights = random.randn(3, 2)
    velocity, test_velocity = rates @ weights + random.randn(8, 5, 2), test_rates @ weights + random.randn(4, 5, 2)
    x, y = rates.reshape(-1, 3), velocity.reshape(-1, 2)
    centered = x - x.mean(axis=0)
    solved = np.linalg.solve(centered.T @ centered + 0.5 * np.eye(3), centered.T @ (y - y.mean(axis=0)))
    predicted = (test_rates.reshape(-1, 3) - x.mean(axis=0)) @ solved + y.mean(axis=0)
    expected = neural_scores.r2(test_velocity, predicted.reshape(4, 5, 2))
    found = neural_scores.velocity_r2(rates, velocity, test_rates, test_velocity, alphas=[0.5])
    assert found == pytest.approx(expected, abs=1e-9)
