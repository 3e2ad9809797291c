"""Run the article's scripts with MLflow or with tracksite, and say what its clients find then.

`python run.py mlflow OUT.json` needs MLflow and writes mlflow.json, which the tests compare
tracksite with (made by MLflow 3.17 over SQLite); `python run.py tracksite OUT.json` cannot import
MLflow; `python run.py optuna OUT.json` is the same with the Optuna script instead of the grid. All
work in the present folder. The data is seeded and the grid is smaller than the article's, unless
`--full` is given.
"""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path

HERE = Path(__file__).parent
SEED = "import numpy\nnumpy.random.seed(7)\n"
SMALLER = {
    "[50, 100, 200]": "[3, 8]",
    "[5, 10, None]": "[2, None]",
    "'min_samples_split': [2, 5, 10]": "'min_samples_split': [2, 10]",
    "rand(1000)": "rand(200)",
    "randint(0, 2, 1000)": "randint(0, 2, 200)",
}
# optuna-integration's callback for MLflow, which needs MLflow, has ours as its successor.
OPTUNA = {
    "from optuna.integration.mlflow import MLflowCallback": (
        "from tracksite.integrations.optuna import TracksiteCallback as MLflowCallback"
    ),
    "    tracking_uri=mlflow.get_tracking_uri(),\n": "",
    "n_trials=20": "n_trials=4",
    "n_jobs=-1": "n_jobs=1",  # pyplot's current figure, which the script uses, is no thread's own
    "'n_estimators', 50, 200": "'n_estimators', 2, 5",
}
TABLE = ("params.n_estimators", "params.max_depth", "params.min_samples_split", "metrics.f1")
CHANGES = {
    "mlflow": {
        "file:./mlruns": "sqlite:///mlflow.db",
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


def script(library, *, full):
    """The plain, nested and registry scripts as one, for one of the two libraries."""
    parts = scripts()
    whole = [SEED, parts["Plain"], parts["Nested runs"]]
    whole += ["run_id = df['run_id'][0]\n", parts["Model registry"]]
    text = _changed("\n".join(whole), CHANGES[library])
    return text if full else _changed(text, SMALLER)


def optuna_script():
    """The Optuna script after the functions of the plain one, with fewer and smaller trials."""
    parts = scripts()
    functions, _, rest = parts["Plain"].partition("# Define parameter grid")
    chosen = "\n".join(line for line in rest.splitlines() if line.startswith("mlflow.set_"))
    text = "\n".join([SEED, functions, chosen, parts["Optuna"]])
    return _changed(text, {**CHANGES["tracksite"], **OPTUNA}) + "client = mlflow.MlflowClient()\n"


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
                    key: text
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


def main(library, out, *, full):
    """Run the scripts and write what is found."""
    if library != "mlflow":
        sys.modules["mlflow"] = None
    text = optuna_script() if library == "optuna" else script(library, full=full)
    Path("article.py").write_text(text)
    names = runpy.run_path("article.py", run_name="__main__")
    content = found(names["client"])
    if "df" in names:
        columns = [names["df"][name] for name in TABLE]
        content["table"] = [[str(cell) for cell in row] for row in zip(*columns, strict=True)]
    Path(out).write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:3], full="--full" in sys.argv)
