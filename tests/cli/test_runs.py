"""ls, show, diff and models."""

from __future__ import annotations

import json

from tests.cli.conftest import RUNS, STARTED
from tests.site import stores
from tracksite.store.local import open_store
from tracksite.store.purging import purge


def rows(text):
    """Return tab-separated output as rows of cells."""
    return [line.split("\t") for line in text.splitlines()]


def test_ls_prints_one_line_per_run_in_a_pipe(tracksite, store):
    """Without a terminal, ls gives a header and a tab-separated line for each run, newest first."""
    header, *lines = rows(tracksite("ls", store).stdout)

    assert header[:4] == ["run_id", "name", "experiment", "status"]
    assert [line[1] for line in lines] == ["diverged", "wider", "baseline"]
    assert lines[1][header.index("metrics.f1")] == "0.91"
    assert lines[1][header.index("params.lr")] == "0.11"


def test_ls_takes_a_filter_alone_or_after_the_store(tracksite, store):
    """One word with an operator is the filter, for the default store; two are store and filter."""
    alone = tracksite("ls", "f1 > 0.905").stdout
    both = tracksite("ls", store, "f1 > 0.905").stdout

    assert alone == both
    assert [line[1] for line in rows(alone)[1:]] == ["wider"]


def test_ls_reads_the_store_from_the_environment(tracksite, store, monkeypatch, tmp_path):
    """TRACKSITE_STORE names the store where no argument does."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("TRACKSITE_STORE", str(store))

    assert len(rows(tracksite("ls").stdout)) == 4


def test_ls_orders_limits_and_chooses_columns(tracksite, store):
    """--order-by, -n and --columns do what they say."""
    found = tracksite("ls", store, "--order-by", "f1 DESC", "-n", 2, "--columns", "name,f1")

    assert rows(found.stdout) == [["name", "metrics.f1"], ["wider", "0.91"], ["baseline", "0.9"]]


def test_ls_json_is_for_scripts(tracksite, store):
    """--json gives objects with params, metrics and tags inside; NaN is a text, times are ISO."""
    runs = json.loads(tracksite("ls", store, "--json").stdout)

    assert [run["run_id"] for run in runs] == list(reversed(RUNS.values()))
    assert runs[0]["metrics"] == {"f1": "NaN"}
    assert runs[2]["params"] == {"depth": "3", "lr": "0.01"}
    assert runs[2]["tags"] == {"team": "vision"}
    assert runs[2]["started_at"] == "2026-01-01T00:00:00Z"
    assert runs[2]["duration_s"] == 30.0


def test_ls_of_one_experiment(tracksite, store):
    """-e keeps the runs of that experiment; none is an empty list and exit code 0."""
    assert len(json.loads(tracksite("ls", store, "-e", "digits", "--json").stdout)) == 3
    nothing = tracksite("ls", store, "-e", "nothing", "--json")
    assert (json.loads(nothing.stdout), nothing.exit_code) == ([], 0)


def test_errors_are_one_sentence_on_stderr(tracksite, store):
    """A bad filter, column, order or store: exit code 1, nothing on stdout, the cause on stderr."""
    for arguments, said in [
        (("ls", store, "nosuch > 1"), "nosuch"),
        (("ls", store, "f1 >"), "fails at character"),
        (("ls", store, "--columns", "nosuch"), "nosuch"),
        (("ls", store, "--columns", "metrics.nosuch"), "metrics.nosuch"),
        (("ls", store, "--order-by", "nosuch DESC"), "nosuch"),
        (("ls", store, "--order-by", "metrics.f2 DESC"), "known are f1"),
        (("ls", store / "nowhere"), "no store"),
        (("show", "feed"), "'feed'"),
        (("show", "0190c2f4"), "fits 2 runs"),
        (("show", "wider", "--store", store / "nowhere"), "no store"),
        (("diff", "wider", "nobody"), "'nobody'"),
        (("models", store / "nowhere"), "no store"),
    ]:
        result = tracksite(*arguments)
        assert (result.exit_code, result.stdout) == (1, ""), arguments
        assert result.stderr.startswith("Error: ")
        assert said in result.stderr


def test_usage_errors_leave_with_2(tracksite, store):
    """A command line that is not understood leaves with exit code 2."""
    assert tracksite("ls", store, "a = 1", "too much").exit_code == 2
    assert tracksite("ls", "--nosuch").exit_code == 2
    assert tracksite("nosuch").exit_code == 2


def test_show_finds_a_run_by_the_start_of_its_id_or_its_name(tracksite, store):
    """A unique prefix in any case and a unique name find the same run."""
    for text in (RUNS["diverged"][:8], RUNS["diverged"][:8].upper(), "diverged"):
        found = json.loads(tracksite("show", text, "--json").stdout)
        assert found["run_id"] == RUNS["diverged"]


def test_show_json_has_everything(tracksite, store):
    """--json has params and tags by key, metric summaries, environment and git."""
    found = json.loads(tracksite("show", "wider", "--json").stdout)

    assert found["params"] == {"depth": "3", "lr": "0.11"}
    assert found["metrics"]["f1"]["last"] == 0.91
    assert found["metrics"]["f1"]["count"] == 5
    assert found["environment"] == {"python": "3.11"}
    assert found["git_commit"] == "1" * 40
    assert found["artifacts"] == []


def test_show_says_what_the_experiment_is_after_and_why(tracksite, store):
    """The goal is that of the site: as the settings beside the store say, else by its name."""
    found = rows(tracksite("show", "wider").stdout)
    assert ["goal", "metric", "f1"] in found
    assert any(line[:2] == ["goal", "why"] and "its name says" in line[2] for line in found)
    experiment = json.loads(tracksite("show", "wider", "--json").stdout)["experiment"]
    text = f'[experiments."{experiment}"]\nmetric = "loss"\ndirection = "minimize"\n'
    (store.parent / "tracksite.toml").write_text(text)
    goal = json.loads(tracksite("show", "wider", "--json").stdout)["goal"]
    assert (goal["metric"], goal["direction"]) == ("loss", "minimize")
    assert "settings" in goal["why"]


def test_show_in_a_pipe_names_the_section_on_each_line(tracksite, store):
    """Tab-separated, each line says what it is about."""
    found = rows(tracksite("show", "wider").stdout)

    assert ["run", "name", "wider"] in found
    assert ["params", "lr", "0.11"] in found
    assert any(line[:2] == ["metrics", "f1"] for line in found)


def test_show_finds_deleted_runs(tracksite, store):
    """A deleted run can still be looked at, and is not in ls but in ls --deleted."""
    open_store(store).write_patch(RUNS["wider"], "run", {"deleted": True})

    assert json.loads(tracksite("show", "wider", "--json").stdout)["deleted"] is True
    assert "wider" not in tracksite("ls").stdout
    assert "wider" in tracksite("ls", "--deleted").stdout


def test_diff_says_what_differs_first(tracksite, store):
    """Differing values come first, the same ones only with --all, and NaN equals NaN."""
    told = json.loads(tracksite("diff", "baseline", "wider", "--json").stdout)
    by_key = {(item["section"], item["key"]): item for item in told["differences"]}

    assert (told["left"], told["right"]) == (RUNS["baseline"], RUNS["wider"])
    assert by_key["params", "lr"] == {
        "section": "params",
        "key": "lr",
        "left": "0.01",
        "right": "0.11",
        "same": False,
    }
    assert by_key["params", "depth"]["same"] is True
    assert by_key["git", "commit"]["same"] is False
    sames = [item["same"] for item in told["differences"]]
    assert sames == sorted(sames)
    itself = json.loads(tracksite("diff", "diverged", "diverged", "--json").stdout)
    assert all(item["same"] for item in itself["differences"])


def test_diff_in_a_pipe(tracksite, store):
    """Tab-separated lines; what is the same is counted on stderr and shown with --all."""
    short = tracksite("diff", "baseline", "wider")
    whole = tracksite("diff", "baseline", "wider", "--all")

    assert ["params", "lr", "0.01", "0.11"] in rows(short.stdout)
    assert "depth" not in short.stdout
    assert "--all" in short.stderr
    assert ["params", "depth", "3", "3"] in rows(whole.stdout)


def test_what_is_named_and_not_there_is_said(tracksite, tmp_path):
    """Models and show name the run, the files, the version or the parent that the store lacks."""
    ids = stores.dangling(tmp_path / "lost")
    nowhere = f"run {stores.NOWHERE[:8]}… is not in this store"
    listed = tracksite("models", tmp_path / "lost")
    assert f"lost: version 1 names its run, but {nowhere}." in listed.stderr
    told = json.loads(tracksite("models", tmp_path / "lost", "--json").stdout)
    assert {model["name"]: len(model["missing"]) for model in told} == {"kept": 0, "lost": 5}
    assert told[1]["aliases"] == {}
    place = ("--store", tmp_path / "lost")
    assert nowhere in tracksite("show", ids["orphan"], *place).stderr
    found = json.loads(tracksite("show", ids["child of deleted"], *place, "--json").stdout)
    assert found["missing"] == [f"its parent: run {ids['deleted'][:8]}… is deleted"]


def test_a_parent_that_was_removed_for_good_is_named_so(tracksite, store):
    """Show and the run's page say when a run's parent was removed, and by whom."""
    opened = open_store(store)
    opened.write_patch(RUNS["diverged"], "run", {"parent_run_id": RUNS["baseline"]})
    purge(opened, [RUNS["baseline"]], at=STARTED, by="me", why="")
    removed = f"run {RUNS['baseline'][:8]}… was removed for good"
    told = tracksite("show", "diverged", "--store", store).stderr
    assert removed in told
    assert "by me" in told
    assert tracksite("build", store, "-o", store.parent / "site").exit_code == 0
    page = store.parent / "site" / "runs" / RUNS["diverged"] / "index.html"
    assert removed in page.read_text()


def test_models_lists_versions_with_stage_and_aliases(tracksite, store):
    """Models are listed: each version with its stage, aliases and run, as a line and as JSON."""
    header, line = rows(tracksite("models", store).stdout)
    found = json.loads(tracksite("models", "--json").stdout)

    assert dict(zip(header, line, strict=True))["aliases"] == "champion"
    assert found[0]["name"] == "reader"
    assert found[0]["aliases"] == {"champion": "1"}
    version = found[0]["versions"][0]
    assert (version["version"], version["stage"]) == (1, "Production")
    assert version["source_run_id"] == RUNS["wider"]


def test_hostile_text_cannot_break_lines_or_reach_the_terminal(tracksite, store, monkeypatch):
    """Tabs and newlines in names are escaped; escape codes reach no terminal."""
    from tracksite.cli import output
    from tracksite.store.local import open_store

    open_store(store).write_patch(RUNS["wider"], "run", {"name": "a\tb\nc\x1b[31m"})

    line = next(line for line in tracksite("ls").stdout.splitlines() if RUNS["wider"] in line)
    assert "a\\tb\\nc\\x1b[31m" in line
    assert "\x1b" not in output.short("name", "a\x1b[31m")


def test_json_hides_nothing_and_steers_no_terminal(tracksite, store):
    """In --json what could steer a terminal, or hide, is escaped, and means what was logged."""
    from tracksite.store.local import open_store

    name = "a\x9b31m\x85b\u202ec\u200bd\u2800é"
    open_store(store).write_patch(RUNS["wider"], "run", {"name": name})
    for command in (("ls", "--json"), ("show", RUNS["wider"], "--json")):
        text = tracksite(*command).stdout
        assert "a\\u009b31m\\u0085b\\u202ec\\u200bd\\u2800é" in text
        assert json.loads(text.replace("\\u2800", "")) != json.loads(text)


def test_a_terminal_shows_the_columns_that_fit(store, monkeypatch):
    """As many columns as the terminal is wide stand side by side, and never none."""
    from tracksite.cli import output

    rows = [["a" * 10, 1.5, None], ["b", 22.25, "x"]]

    for width, count in [(100, 3), (25, 2), (13, 1), (1, 1)]:
        monkeypatch.setenv("COLUMNS", str(width))
        assert output.fitting(["name", "value", "text"], rows) == count


def test_a_store_that_cannot_be_read_as_a_whole_is_said(tracksite, store):
    """Commands that read a damaged store say so, and an export of it fails having done its part."""
    (path,) = (store / "log").glob(f"{RUNS['wider']}.*.runs.parquet")
    path.write_bytes(b"x" + path.read_bytes()[1:])
    for log in (store / "live").glob(f"{RUNS['wider']}.*"):
        log.unlink()
    told = tracksite("ls", store)
    assert told.exit_code == 0
    assert "cannot be read or are missing" in told.stderr
    exported = tracksite("export", "mlflow", store, store.parent / "mlruns")
    assert exported.exit_code == 1
    assert "2 runs" in exported.stderr
    assert "restore them" in exported.stderr
