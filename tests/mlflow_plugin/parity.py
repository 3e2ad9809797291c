"""The same calls to two MLflow clients, and what they answer in one form.

A call is (name, numbers): each operation below turns the numbers into arguments that mean the same
for both clients, such as "the second run". Ids, paths and times of the clock are replaced by names.
"""

from __future__ import annotations

import math
import re

from mlflow import MlflowClient
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelStatus,
    Metric,
    Param,
    RunTag,
)
from mlflow.exceptions import MlflowException

KEYS = ["a", "b/c d", "acc", "k" * 251, "", "bad\nkey", "../up", "mlflow.note.content"]
TEXTS = ["1", "x", "", "Ünïcode ✓", "%", "v" * 6001, "v" * 8001, "0.5"]
VALUES = [0.5, 1.0, -2.0, math.nan, math.inf, -math.inf, 0.0, 3]
TIMES = [1000, 2000, 3000]
STATUSES = ["RUNNING", "FINISHED", "FAILED", "KILLED", "SCHEDULED"]
TAGS = ["team", "mlflow.note.content", "mlflow.source.name", "mlflow.runName", "mlflow.user", "t"]
VIEWS = [1, 2, 3]
SIZES = [1, 2, 1000, 0, 50_001]
RUN_FILTERS = [
    "",
    "metrics.a > 0",
    "metrics.a != 0.5",
    "metrics.a <= 0 and metrics.acc >= -5",
    "params.a = '1'",
    "params.a != '1'",
    "params.a LIKE '%'",
    "params.acc ILIKE 'X%'",
    "params.a IS NULL",
    "tags.team = 'x'",
    "tags.team IS NOT NULL",
    "tags.`mlflow.note.content` LIKE '%x%'",
    "attributes.status = 'FINISHED'",
    "attributes.status != 'RUNNING'",
    "attributes.run_name LIKE 'run-%'",
    "run_name ILIKE 'RUN-1%'",
    "start_time > 1002",
    "attributes.end_time <= 2000",
    "dataset.name = 'd0'",
    "dataset.context IN ('train', 'test')",
    "metrics.a LIKE 'x'",
    "params.a > '1'",
    "nonsense.a = '1'",
    "attributes.nothing = '1'",
    "metrics.a = 'x'",
    "params.a = 1",
    "params.a = '1' or params.a = '2'",
]
RUN_ORDERS = [
    None,
    ["metrics.a"],
    ["metrics.a DESC"],
    ["params.a", "metrics.acc DESC"],
    ["tags.team DESC"],
    ["attributes.start_time"],
    ["run_name DESC"],
    ["attributes.status", "start_time DESC"],
    ["end_time DESC"],
    ["metrics.a", "metrics.a DESC"],
    ["nonsense"],
    ["metrics.a UP"],
]
EXPERIMENT_FILTERS = [
    "",
    "tags.team = 'x'",
    "tags.team != 'x'",
    "tags.team IS NULL",
    "name LIKE '%0'",
    "name ILIKE 'E%'",
    "creation_time > 5",
    "name > 'x'",
    "nothing = 'x'",
    "last_update_time < 3.5",
]
MODEL_FILTERS = [
    "",
    "name ILIKE '%M0%'",
    "name LIKE '%m1%'",
    "tags.team = 'x'",
    "tags.team != 'x'",
    "tags.team LIKE '%'",
    "name > 'x'",
    "nothing = 'x'",
    "name = 1",
]
VERSION_FILTERS = [
    "",
    "version_number >= 2",
    "version_number = 1",
    "source_path LIKE '%/a'",
    "run_id = 'none'",
    "tags.team = 'x'",
    "version_number = 1.5",
    "source_path IN ('a')",
]
LOGGED_FILTERS = [
    None,
    "name = 'lm'",
    "params.a = '1'",
    "tags.team = 'x'",
    "metrics.a > 0",
]
ALIASES = ["champion", "challenger", "latest", "v1", "bad/alias"]
STAGES = ["Staging", "production", "Archived", "None", "nowhere"]
SOURCES = ["s3://bucket/a", "/abs/b", "models:/missing/1"]


class Side:
    """One client, and what the calls of one example know of it."""

    def __init__(self, uri, prefix):
        self.client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        self.prefix = prefix
        self.names = {}  # id → its name in answers
        self.experiments, self.runs, self.models = ["0"], [], []

    def experiment(self, number):
        """Return the id of an experiment, or one that is unknown."""
        return self._pick(self.experiments[1:] or ["999"], number)

    def run(self, number):
        """Return the id of a run, or one that is unknown."""
        return self._pick(self.runs or ["f" * 32], number)

    def model(self, number):
        """Return the id of a logged model, or one that is unknown."""
        return self._pick(self.models or ["m-" + "f" * 32], number)

    def registered(self, number):
        """Return the name of a registered model."""
        return f"{self.prefix}-m{number % 2}"

    def note(self, kind, identity):
        """Remember an id and what it is called in answers."""
        known = getattr(self, kind)
        self.names[identity] = f"<{kind} {len(known)}>"
        known.append(identity)

    @staticmethod
    def _pick(items, number):
        return items[number % len(items)]


def call(side, name, numbers):
    """Do one call; return its answer, or the error's code and message, without ids."""
    try:
        return plain(side, OPERATIONS[name](side, *numbers))
    except MlflowException as error:
        message = re.sub(r" Error: .*", "", str(error.message), flags=re.DOTALL)
        if "UNIQUE constraint failed" in message:  # theirs alone: it is no answer of a database
            return "error", "RESOURCE_ALREADY_EXISTS", "the name is taken"
        if name == "rename_experiment" and "already exists" in message:
            message = "the name is taken"
        return "error", error.error_code, plain(side, _sets(message))


def _sets(message):
    """Return a message whose sets, which have no order, are in order."""
    return re.sub(r"\{[^{}]*\}", lambda found: "".join(sorted(found[0])), message)


def plain(side, answer):
    """Return an answer as plain values, ids replaced and the order of dicts and sets forgotten."""
    if isinstance(answer, dict):
        return {key: plain(side, value) for key, value in answer.items()}
    if isinstance(answer, list | tuple):
        return [plain(side, value) for value in answer]
    if isinstance(answer, float):
        if math.isnan(answer):
            return "nan"
        return math.copysign(math.inf, answer) if abs(answer) > 1e308 else answer
    if isinstance(answer, str):
        for identity, name in side.names.items():
            before = "" if len(identity) == 32 or identity[:2] == "m-" else r"(?<=[Ii][Dd][= ])"
            answer = re.sub(rf"{before}\b{identity}\b", name, answer)
        return re.sub(r"(?<=[Ee]xperiment )(<[^>]*>|\w+)(?= must)", "<id>", answer)
    return answer


def _tags(tags):
    hidden = {"mlflow.runName"}
    return {key: value for key, value in tags.items() if key not in hidden}


def experiment_facts(side, one):
    """Return what an experiment is."""
    return [
        side.names.get(one.experiment_id, one.experiment_id),
        one.name,
        one.lifecycle_stage,
        dict(one.tags),
    ]


def run_facts(side, run):
    """Return what a run is and has."""
    return {
        "info": [
            run.info.run_id,
            run.info.run_name if run.info.run_name.startswith("run-") else "?",
            side.names.get(run.info.experiment_id, run.info.experiment_id),
            run.info.status,
            run.info.start_time,
            run.info.end_time,
            run.info.lifecycle_stage,
        ],
        "params": run.data.params,
        "metrics": run.data.metrics,
        "tags": _tags(run.data.tags),
        "inputs": sorted(
            [
                one.dataset.name,
                one.dataset.digest,
                one.dataset.source,
                one.dataset.schema,
                sorted((tag.key, tag.value) for tag in one.tags),
            ]
            for one in (run.inputs.dataset_inputs if run.inputs else ())
        ),
    }


def metric_facts(one):
    """Return one point."""
    return [one.key, one.value, one.timestamp, one.step]


def version_facts(one):
    """Return what a version is."""
    return [
        one.name,
        int(one.version),
        one.current_stage,
        one.description,
        one.source,
        one.run_id,
        one.status,
        dict(one.tags),
        sorted(one.aliases),
    ]


def model_facts(one):
    """Return what a registered model is."""
    newest = sorted(version_facts(version) for version in one.latest_versions)
    return [one.name, one.description, dict(one.tags), dict(one.aliases), newest]


def logged_facts(side, one):
    """Return what a logged model is."""
    metrics = sorted((m.key, plain(side, m.value), m.timestamp, m.step) for m in one.metrics or ())
    return [
        one.model_id,
        side.names.get(one.experiment_id, one.experiment_id),
        one.name,
        one.source_run_id,
        str(one.status),
        one.model_type,
        dict(one.tags),
        dict(one.params),
        metrics,
    ]


def pages(ask, facts):
    """Return every page of a search: what is on it, and its token."""
    found, token = [], None
    for _ in range(12):
        page = ask(token)
        token = page.token
        found.append([[facts(one) for one in page], token])
        if not token:
            break
    return found


def create_experiment(side, name, text, *_):
    """Create an experiment."""
    made = side.client.create_experiment(
        f"{side.prefix}-e{name % 3}", tags={"team": TEXTS[text % 5]} if text % 2 else None
    )
    side.note("experiments", made)


def search_experiments(side, query, size, view):
    """Search the experiments of this example."""
    scope = f"name LIKE '{side.prefix}-%'"
    text = EXPERIMENT_FILTERS[query % len(EXPERIMENT_FILTERS)]
    return pages(
        lambda token: side.client.search_experiments(
            VIEWS[view % 3],
            SIZES[size % 5],
            f"{scope} and {text}" if text else scope,
            ["name DESC"],
            token,
        ),
        lambda one: experiment_facts(side, one),
    )


def create_run(side, experiment, name, text):
    """Begin a run."""
    made = side.client.create_run(
        side.experiment(experiment),
        start_time=1000 + len(side.runs),
        tags={TAGS[text % len(TAGS)]: "run-tagged"} if text % 3 == 0 else None,
        run_name=f"run-{name % 4}" if text % 2 else None,
    )
    side.note("runs", made.info.run_id)
    return run_facts(side, made)


def log_batch(side, run, key, value):
    """Log a batch."""
    return side.client.log_batch(
        side.run(run),
        [Metric(KEYS[key % 4], VALUES[(value + n) % 8], TIMES[n % 3], n % 2) for n in range(4)],
        [Param(KEYS[(key + n) % 4], TEXTS[value % 6]) for n in range(value % 3)],
        [RunTag(TAGS[(key + n) % 3], TEXTS[value % 5]) for n in range(key % 3)],
    )


def search_runs(side, query, order, size):
    """Search runs."""
    ids = side.experiments[1:] or ["999"]
    return pages(
        lambda token: side.client.search_runs(
            ids,
            RUN_FILTERS[query % len(RUN_FILTERS)],
            VIEWS[(order + size) % 3],
            SIZES[size % 5],
            RUN_ORDERS[order % len(RUN_ORDERS)],
            token,
        ),
        lambda run: run_facts(side, run),
    )


def log_inputs(side, run, name, digest):
    """Note a data set."""
    dataset = Dataset(f"d{name % 2}", f"digest{digest % 2}", "local", "somewhere", "{}", None)
    tags = [InputTag("mlflow.data.context", ["train", "test", "other"][digest % 3])]
    return side.client.log_inputs(side.run(run), [DatasetInput(dataset, tags)])


def create_model_version(side, name, source, run):
    """Create a version."""
    made = side.client.create_model_version(
        side.registered(name),
        SOURCES[source % 3],
        side.run(run) if run % 2 and side.runs else None,
        tags={"team": TEXTS[source % 5]} if run % 3 else None,
        description="about" if run % 2 else None,
    )
    return version_facts(made)


def search_registered(side, query, size, order):
    """Search registered models."""
    ask = f"name LIKE '{side.prefix}-%'"
    text = MODEL_FILTERS[query % len(MODEL_FILTERS)]
    orders = [None, ["name DESC"], ["name", "name DESC"], ["nonsense"]]
    return pages(
        lambda token: side.client.search_registered_models(
            f"{ask} and {text}" if text else ask, SIZES[size % 3], orders[order % 4], token
        ),
        model_facts,
    )


def search_versions(side, query, size, order):
    """Search versions."""
    ask = f"name LIKE '{side.prefix}-%'"
    text = VERSION_FILTERS[query % len(VERSION_FILTERS)]
    orders = [["version_number"], ["name DESC", "version_number DESC"], ["name", "name"]]
    return pages(
        lambda token: side.client.search_model_versions(
            f"{ask} and {text}" if text else ask, SIZES[size % 4], orders[order % 3], token
        ),
        version_facts,
    )


def create_logged_model(side, experiment, run, text):
    """Begin a logged model."""
    made = side.client.create_logged_model(
        side.experiment(experiment),
        name="lm" if text % 2 else "other",
        source_run_id=side.runs[run % len(side.runs)] if side.runs else None,
        tags={"team": "x"} if text % 3 else None,
        params={"a": "1"} if run % 2 else None,
        model_type="type" if text % 2 else None,
    )
    side.note("models", made.model_id)
    return logged_facts(side, made)


def search_logged(side, query, size, order):
    """Search logged models."""
    ids = side.experiments[1:] or ["999"]
    orders = [
        [{"field_name": "name"}, {"field_name": "metrics.a", "ascending": False}],
        [{"field_name": "metrics.a"}, {"field_name": "name"}],
    ]
    found = side.client.search_logged_models(
        ids,
        LOGGED_FILTERS[query % len(LOGGED_FILTERS)],
        max_results=SIZES[size % 3] + 10,
        order_by=orders[order % 2],
    )
    return sorted((plain(side, logged_facts(side, one)) for one in found), key=str)


OPERATIONS = {
    "create_experiment": create_experiment,
    "get_experiment": lambda s, e, *_: experiment_facts(
        s, s.client.get_experiment(s.experiment(e))
    ),
    "get_experiment_by_name": lambda s, e, *_: (
        (found := s.client.get_experiment_by_name(f"{s.prefix}-e{e % 3}"))
        and experiment_facts(s, found)
    ),
    "delete_experiment": lambda s, e, *_: s.client.delete_experiment(s.experiment(e)),
    "restore_experiment": lambda s, e, *_: s.client.restore_experiment(s.experiment(e)),
    "rename_experiment": lambda s, e, n, _: s.client.rename_experiment(
        s.experiment(e), f"{s.prefix}-e{n % 3}"
    ),
    "set_experiment_tag": lambda s, e, k, t: s.client.set_experiment_tag(
        s.experiment(e), ["team", "mlflow.note.content", "k" * 251][k % 3], TEXTS[t % 5]
    ),
    "delete_experiment_tag": lambda s, e, *_: s.client.delete_experiment_tag(
        s.experiment(e), "team"
    ),
    "search_experiments": search_experiments,
    "create_run": create_run,
    "get_run": lambda s, r, *_: run_facts(s, s.client.get_run(s.run(r))),
    "update_run": lambda s, r, t, n: s.client.update_run(
        s.run(r), STATUSES[t % 5] if n % 2 else None, f"run-{n % 4}" if n % 3 else None
    ),
    "set_terminated": lambda s, r, t, n: s.client.set_terminated(
        s.run(r), STATUSES[1 + t % 3], TIMES[n % 3]
    ),
    "delete_run": lambda s, r, *_: s.client.delete_run(s.run(r)),
    "restore_run": lambda s, r, *_: s.client.restore_run(s.run(r)),
    "log_param": lambda s, r, k, t: s.client.log_param(s.run(r), KEYS[k % 8], TEXTS[t % 8]),
    "log_metric": lambda s, r, k, v: s.client.log_metric(
        s.run(r), KEYS[k % 8], VALUES[v % 8], TIMES[v % 3], k % 3
    ),
    "log_batch": log_batch,
    "set_tag": lambda s, r, k, t: s.client.set_tag(
        s.run(r), (TAGS + KEYS)[k % (len(TAGS) + len(KEYS))], TEXTS[t % 8]
    ),
    "delete_tag": lambda s, r, k, _: s.client.delete_tag(s.run(r), TAGS[k % 3]),
    "get_metric_history": lambda s, r, k, _: [
        metric_facts(one) for one in s.client.get_metric_history(s.run(r), KEYS[k % 3])
    ],
    "search_runs": search_runs,
    "log_inputs": log_inputs,
    "create_registered_model": lambda s, n, t, d: model_facts(
        s.client.create_registered_model(
            s.registered(n), {"team": TEXTS[t % 5]} if t % 2 else None, "text" if d % 2 else None
        )
    ),
    "update_registered_model": lambda s, n, t, _: model_facts(
        s.client.update_registered_model(s.registered(n), TEXTS[t % 2])
    ),
    "rename_registered_model": lambda s, n, t, _: s.client.rename_registered_model(
        s.registered(n), s.registered(t)
    ),
    "delete_registered_model": lambda s, n, *_: s.client.delete_registered_model(s.registered(n)),
    "get_registered_model": lambda s, n, *_: model_facts(
        s.client.get_registered_model(s.registered(n))
    ),
    "search_registered_models": search_registered,
    "get_latest_versions": lambda s, n, t, _: sorted(
        version_facts(one)
        for one in s.client.get_latest_versions(s.registered(n), [STAGES[t % 5]] if t % 2 else None)
    ),
    "set_registered_model_tag": lambda s, n, t, _: s.client.set_registered_model_tag(
        s.registered(n), "team", TEXTS[t % 5]
    ),
    "delete_registered_model_tag": lambda s, n, *_: s.client.delete_registered_model_tag(
        s.registered(n), "team"
    ),
    "create_model_version": create_model_version,
    "update_model_version": lambda s, n, v, t: version_facts(
        s.client.update_model_version(s.registered(n), str(1 + v % 3), TEXTS[t % 2])
    ),
    "transition_stage": lambda s, n, v, t: version_facts(
        s.client.transition_model_version_stage(
            s.registered(n), str(1 + v % 3), STAGES[t % 5], archive_existing_versions=bool(t % 2)
        )
    ),
    "delete_model_version": lambda s, n, v, _: s.client.delete_model_version(
        s.registered(n), str(1 + v % 3)
    ),
    "get_model_version": lambda s, n, v, _: version_facts(
        s.client.get_model_version(s.registered(n), str(1 + v % 3))
    ),
    "get_download_uri": lambda s, n, v, _: s.client.get_model_version_download_uri(
        s.registered(n), str(1 + v % 3)
    ),
    "search_model_versions": search_versions,
    "set_model_version_tag": lambda s, n, v, t: s.client.set_model_version_tag(
        s.registered(n), str(1 + v % 3), "team", TEXTS[t % 5]
    ),
    "delete_model_version_tag": lambda s, n, v, _: s.client.delete_model_version_tag(
        s.registered(n), str(1 + v % 3), "team"
    ),
    "set_alias": lambda s, n, a, v: s.client.set_registered_model_alias(
        s.registered(n), ALIASES[a % 5], str(1 + v % 3)
    ),
    "delete_alias": lambda s, n, a, _: s.client.delete_registered_model_alias(
        s.registered(n), ALIASES[a % 5]
    ),
    "get_by_alias": lambda s, n, a, _: version_facts(
        s.client.get_model_version_by_alias(s.registered(n), ALIASES[a % 5])
    ),
    "create_logged_model": create_logged_model,
    "finalize_logged_model": lambda s, m, t, _: logged_facts(
        s,
        s.client.finalize_logged_model(
            s.model(m), [LoggedModelStatus.READY, LoggedModelStatus.FAILED][t % 2]
        ),
    ),
    "set_logged_model_tags": lambda s, m, t, _: s.client.set_logged_model_tags(
        s.model(m), {"team": TEXTS[t % 5]}
    ),
    "delete_logged_model_tag": lambda s, m, *_: s.client.delete_logged_model_tag(
        s.model(m), "team"
    ),
    "get_logged_model": lambda s, m, *_: logged_facts(s, s.client.get_logged_model(s.model(m))),
    "delete_logged_model": lambda s, m, *_: s.client.delete_logged_model(s.model(m)),
    "search_logged_models": search_logged,
    "log_model_metric": lambda s, r, m, v: (
        s.client.log_metric(s.run(r), "a", VALUES[v % 2], TIMES[v % 3], v % 2, model_id=s.model(m))
        if s.models
        else None
    ),
}
