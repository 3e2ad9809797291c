"""The points of metrics, as MLflow clients ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlflow.entities.metric import MetricWithRunId
from mlflow.exceptions import MlflowException

from tracksite.mlflow_plugin import history, searching
from tracksite.mlflow_plugin.tracking.calls import Calls

if TYPE_CHECKING:
    from mlflow.entities import Metric
    from mlflow.store.entities.paged_list import PagedList


class HistoryCalls(Calls):
    """Histories of metrics, whole or thinned for a chart."""

    def get_metric_history(
        self,
        run_id: str,
        metric_key: str,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> PagedList[Metric]:
        """Return one page of the points of a metric, in order of time, step and value."""
        self._run(run_id)
        found = history.history(self.ledger, run_id, metric_key)
        return searching.paged(found, max_results, page_token)

    def get_metric_history_bulk(
        self, run_ids: list[str], metric_key: str, max_results: int
    ) -> list[MetricWithRunId]:
        """Return the first points of a metric of several runs, in order of run id."""
        found = [
            MetricWithRunId(run_id=run_id, metric=metric)
            for run_id in sorted(set(run_ids))
            for metric in history.history(self.ledger, run_id, metric_key)
        ]
        return found[:max_results]

    def get_metric_history_bulk_interval_from_steps(
        self, run_id: str, metric_key: str, steps: list[int], max_results: int
    ) -> list[MetricWithRunId]:
        """Return the points of a metric at some steps, in order of step."""
        self._run(run_id)
        wanted = set(steps)
        found = history.by_step(history.history(self.ledger, run_id, metric_key))
        kept = [one for one in found if one.step in wanted][:max_results]
        return [MetricWithRunId(run_id=run_id, metric=one) for one in kept]

    def get_metric_history_bulk_interval(
        self,
        run_ids: list[str],
        metric_key: str,
        max_results: int,
        start_step: int | None,
        end_step: int | None,
    ) -> list[MetricWithRunId]:
        """Return evenly spaced points of a metric for a chart, the first and last ones kept."""
        if (start_step is None) != (end_step is None):
            raise MlflowException.invalid_parameter_value(
                "Both start_step and end_step must be specified together, "
                "or neither may be specified."
            )
        found = []
        for run_id in run_ids:
            self._run(run_id)
            all_points = history.by_step(history.history(self.ledger, run_id, metric_key))
            if start_step is not None and end_step is not None:
                all_points = [one for one in all_points if start_step <= one.step <= end_step]
            places = self._evenly_spaced_indices(len(all_points), max(1, max_results))
            found += [MetricWithRunId(run_id=run_id, metric=all_points[one]) for one in places]
        return found

    def get_max_step_for_metric(self, run_id: str, metric_key: str) -> int:
        """Return the greatest step of a metric, 0 where there is none."""
        latest = self._run(run_id).metrics.get(metric_key)
        return latest.step if latest else 0
