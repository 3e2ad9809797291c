"""Run the article's scripts with MLflow or with tracksite, and say what its clients find then.

`python run.py mlflow OUT.json` needs MLflow and writes mlflow.json, which the tests compare
tracksite with (made by MLflow 3.17 over SQLite); with `--uri tracksite:runs` MLflow logs into a
store. `python run.py tracksite OUT.json` cannot import MLflow. With `--optuna` it is the Optuna
script instead of the grid (mlflow_optuna.json; MLflow's needs optuna-integration before 6). All
work in the present folder. The data is seeded and the grid is smaller than the article's, unless
`--full` is given.
"""

from __future__ import annotations

import argparse
import json
import re
import runpy
import sys
from pathlib import Path

HERE = Path(__file__).parent
DATABASE = "sqlite:///mlflow.db"
SEED = "import numpy\nnumpy.random.seed(7)\n"
LESS_DATA = {"rand(1000)": "rand(200)", "randint(0, 2, 1000)": "randint(0, 2, 200)"}
SMALLER = {
    "[50, 100, 200]": "[3, 8]",
    "[5, 10, None]": "[2, None]",
    "'min_samples_split': [2, 5, 10]": "'min_samples_split': [10]",
    **LESS_DATA,
}
OPTUNA = {
    "n_jobs=-1": "n_jobs=1",  # pyplot's current figure, which the script uses, is no thread's own
    "direction='maximize'": "direction='maximize', sampler=optuna.samplers.TPESampler(seed=7)",
}
FEWER = {**LESS_DATA, "n_trials=20": "n_trials=4", "50, 200)": "2, 5)"}
# optuna-integration's callback for MLflow, which needs MLflow, has ours as its successor.
CALLBACK = {
    "from optuna.integration.mlflow import MLflowCallback": (
        "from tracksite.integrations.optuna import TracksiteCallback as MLflowCallback"
    ),
    "    tracking_uri=mlflow.get_tracking_uri(),\n": "",
}
# What a model requires is found out by a process for each model, and no store has a part in that.
REQUIREMENTS = """import mlflow.models
mlflow.models.infer_pip_requirements = lambda *_, fallback, **__: fallback
"""
TABLE = ("params.n_estimators", "params.max_depth", "params.min_samples_split", "metrics.f1")
CHANGES = {
    "mlflow": {
        # without it MLflow 3.17 refuses to log a random forest
        '"model",': '"model", serialization_format="cloudpickle",',
    },
    "tracksite": {
        "import mlflow\n": "import tracksite as mlflow\n",
        "import mlflow.sklearn": "import tracksite.sklearn",
    },
}


def scripts():
    """The fenced blocks of scripts.txt by the heading above them."""
    text = (HERE / "scripts.txt").read_text()
    return dict(re.findall(r"^## ([^\n]+)\n\n```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))


def _changed(text, changes):
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def _begin(library, uri):
    """What stands before the script, and where it logs to."""
    if library == "tracksite":
        return SEED, {}
    return REQUIREMENTS + SEED, {"file:./mlruns": uri}


def script(library, uri, *, full):
    """The plain, nested and registry scripts as one, for one of the two libraries."""
    begin, place = _begin(library, uri)
    parts = scripts()
    whole = [begin, parts["Plain"], parts["Nested runs"]]
    whole += ["run_id = df['run_id'][0]\n", parts["Model registry"]]
    text = _changed("\n".join(whole), {**CHANGES[library], **place})
    return text if full else _changed(text, SMALLER)


def optuna_script(library, uri, *, full):
    """The Optuna script after the functions of the plain one."""
    begin, place = _begin(library, uri)
    parts = scripts()
    functions, _, rest = parts["Plain"].partition("# Define parameter grid")
    chosen = "\n".join(line for line in rest.splitlines() if line.startswith("mlflow.set_"))
    text = "\n".join([begin, functions, chosen, parts["Optuna"]])
    text = _changed(text, {**CHANGES[library], **place, **OPTUNA})
    text = text if library == "mlflow" else _changed(text, CALLBACK)
    text = text if full else _changed(text, FEWER)
    return text + "client = mlflow.MlflowClient()\n"


def found(client):
    """What a client says of all runs and versions, without ids, times and what the machine says."""
    runs = client.search_runs(
        [one.experiment_id for one in client.search_experiments()], order_by=["metrics.f1 DESC"]
    )
    names = {run.info.run_id: run.info.run_name for run in runs}
    return {
        "runs": [
            {
                "name": run.info.run_name,
                "status": run.info.status,
                "parent": names.get(run.data.tags.get("mlflow.parentRunId")),
                "params": dict(sorted(run.data.params.items())),
                "metrics": dict(sorted(run.data.metrics.items())),
                "tags": {
                    key: "a time" if re.match(r"\d{4}-\d\d-\d\d \d\d:", text) else text
                    for key, text in sorted(run.data.tags.items())
                    if not key.startswith("mlflow.")
                },
                "artifacts": sorted(file.path for file in client.list_artifacts(run.info.run_id)),
            }
            for run in runs
        ],
        "versions": [
            [one.name, int(one.version), one.current_stage, names[one.run_id]]
            for one in client.search_model_versions("name = 'RandomForestClassifier'")
        ],
    }


def main():
    """Run the scripts and write what is found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("library", choices=sorted(CHANGES))
    parser.add_argument("out", type=Path)
    parser.add_argument("--uri", default=DATABASE)
    parser.add_argument("--optuna", action="store_true")
    parser.add_argument("--full", action="store_true")
    given = parser.parse_args()
    if given.library != "mlflow":
        sys.modules["mlflow"] = None
    write = optuna_script if given.optuna else script
    Path("article.py").write_text(write(given.library, given.uri, full=given.full))
    names = runpy.run_path("article.py", run_name="__main__")
    content = found(names["client"])
    if "df" in names:
        columns = [names["df"][name] for name in TABLE]
        content["table"] = [[str(cell) for cell in row] for row in zip(*columns, strict=True)]
    given.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
