"""What MLflow clients ask of the versions of registered models."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry.model_version_stages import (
    ALL_STAGES,
    DEFAULT_STAGES_FOR_GET_LATEST_VERSIONS,
    STAGE_ARCHIVED,
    get_canonical_stage,
)
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST
from mlflow.store.artifact.utils.models import _parse_model_uri
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.model_registry import (
    SEARCH_MODEL_VERSION_MAX_RESULTS_DEFAULT,
    SEARCH_MODEL_VERSION_MAX_RESULTS_THRESHOLD,
)
from mlflow.utils import validation

from tracksite.mlflow_plugin import models, registry_search, searching
from tracksite.mlflow_plugin import registered as entries
from tracksite.mlflow_plugin.experiments import now_ms
from tracksite.mlflow_plugin.registry.calls import Calls, check_threshold
from tracksite.mlflow_plugin.uri import SCHEME, folder_of

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel
    from mlflow.entities.model_registry import ModelVersion, ModelVersionTag

    from tracksite.mlflow_plugin.entity import Entity


class VersionCalls(Calls):
    """Versions, their stages and aliases."""

    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: list[ModelVersionTag] | None = None,
        run_link: str | None = None,
        description: str | None = None,
        local_model_path: str | None = None,  # noqa: ARG002 - of stores that copy the files
        model_id: str | None = None,
    ) -> ModelVersion:
        """Create the next version of a registered model."""
        validation._validate_model_name(name)
        for tag in tags or ():
            validation._validate_model_version_tag(tag.key, tag.value)
        place, made_by = self._origin(source, model_id)
        model = self._model(name)
        texts = {one.key: str(one.value) for one in tags or ()}
        origin = entries.Origin(source, place, run_id or made_by, run_link)
        version = entries.add_version(self.ledger, model, origin, texts, description)
        return self._version_of(self._model(name), version)

    def update_model_version(
        self, name: str, version: str | int, description: str | None = None
    ) -> ModelVersion:
        """Change the description of a version."""
        found = self._version(name, version)
        entries.touch(self.ledger, found, {"description": description or ""})
        return self.get_model_version(name, version)

    def transition_model_version_stage(
        self,
        name: str,
        version: str | int,
        stage: str,
        archive_existing_versions: bool,  # noqa: FBT001 - as in MLflow
    ) -> ModelVersion:
        """Move a version to a stage, and on request those that are there to Archived."""
        wanted = get_canonical_stage(stage)
        if archive_existing_versions and wanted not in DEFAULT_STAGES_FOR_GET_LATEST_VERSIONS:
            raise MlflowException(
                "Model version transition cannot archive existing model versions because "
                f"'{stage}' is not an Active stage. "
                f"Valid stages are {DEFAULT_STAGES_FOR_GET_LATEST_VERSIONS}"
            )
        found = self._version(name, version)
        model, now = self._model(name), now_ms()
        for other in entries.versions(self.ledger, name) if archive_existing_versions else ():
            if entries.stage(other) == wanted and other.entity_id != found.entity_id:
                entries.touch(self.ledger, other, {"stage": STAGE_ARCHIVED}, now)
        entries.touch(self.ledger, found, {"stage": wanted}, now)
        entries.touch(self.ledger, model, {}, now)
        return self.get_model_version(name, version)

    def delete_model_version(self, name: str, version: str | int) -> None:
        """Delete a version and the aliases that point at it; its number is not given out again."""
        number = validation._validate_model_version(version)
        found, model = self._version(name, number), self._model(name)
        gone = dict.fromkeys(entries.aliases_of(self.ledger, model, found))
        entries.touch(self.ledger, model, {"aliases": gone})
        entries.touch(self.ledger, found, {"deleted": True})

    def get_model_version(self, name: str, version: str | int) -> ModelVersion:
        """Return one version."""
        found = self._version(name, version)
        return self._version_of(self._model(name), found)

    def get_model_version_download_uri(self, name: str, version: str | int) -> str:
        """Return where the files of a version are."""
        return entries.place(self._version(name, version), self.artifacts)

    def search_model_versions(
        self,
        filter_string: str | None = None,
        max_results: int = SEARCH_MODEL_VERSION_MAX_RESULTS_DEFAULT,
        order_by: list[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[ModelVersion]:
        """Return one page of the versions that match."""
        if type(max_results) is not int or max_results < 1:
            raise MlflowException(
                f"Invalid value for max_results. It must be a positive integer, "
                f"but got {max_results}",
                INVALID_PARAMETER_VALUE,
            )
        check_threshold(max_results, SEARCH_MODEL_VERSION_MAX_RESULTS_THRESHOLD)
        found = registry_search.versions(
            entries.all_versions(self.ledger),
            {one.fields["name"]: one for one in entries.models(self.ledger)},
            filter_string,
            order_by,
            self.artifacts,
        )
        page, token = searching.page(found, max_results, page_token)
        return PagedList([entries.version_entity(one, [], self.artifacts) for one in page], token)

    def set_model_version_tag(self, name: str, version: str | int, tag: ModelVersionTag) -> None:
        """Set one tag of a version."""
        validation._validate_model_name(name)
        validation._validate_model_version(version)
        validation._validate_model_version_tag(tag.key, tag.value)
        tags = {tag.key: str(tag.value)}
        self.ledger.patch(self._version(name, version), {"name": name, "tags": tags})

    def delete_model_version_tag(self, name: str, version: str | int, key: str) -> None:
        """Remove one tag of a version; no error when there is none."""
        validation._validate_model_name(name)
        validation._validate_model_version(version)
        validation._validate_tag_name(key)
        self.ledger.patch(self._version(name, version), {"name": name, "tags": {key: None}})

    def get_latest_versions(self, name: str, stages: list[str] | None = None) -> list[ModelVersion]:
        """Return the newest version in each stage, or in each of `stages`."""
        model = self._model(name)
        wanted = {get_canonical_stage(stage) for stage in stages or ALL_STAGES}
        return [
            self._version_of(model, one)
            for one in entries.latest(self.ledger, model)
            if entries.stage(one) in wanted
        ]

    def set_registered_model_alias(self, name: str, alias: str, version: str | int) -> None:
        """Point an alias at a version; it points nowhere else then."""
        validation._validate_model_name(name)
        validation._validate_model_alias_name(alias)
        validation._validate_model_alias_name_reserved(alias)
        number = validation._validate_model_version(version)
        found = self._version(name, number)
        entries.set_alias(self.ledger, self._model(name), alias, found)

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Remove an alias; no error when there is none."""
        validation._validate_model_name(name)
        validation._validate_model_alias_name(alias)
        self.ledger.patch(self._model(name), {"aliases": {alias: None}})

    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """Return the version that an alias points at; `latest` is the one with the last number."""
        validation._validate_model_name(name)
        validation._validate_model_alias_name(alias)
        model = self._model(name)
        if alias.lower() == "latest":
            numbers = [one.fields["version"] for one in entries.versions(self.ledger, name)]
            if not numbers:
                raise MlflowException(
                    f"Latest version not found for model {name}.", RESOURCE_DOES_NOT_EXIST
                )
            return self.get_model_version(name, max(numbers))
        found = entries.aliases(self.ledger, model).get(alias)
        if found is None:
            raise MlflowException(
                f"Registered model alias {alias} not found.", INVALID_PARAMETER_VALUE
            )
        return self._version_of(model, found)

    def _version_of(self, model: Entity, version: Entity) -> ModelVersion:
        names = entries.aliases_of(self.ledger, model, version)
        return entries.version_entity(version, names, self.artifacts)

    def _version(self, name: str, version: str | int) -> Entity:
        validation._validate_model_name(name)
        number = int(validation._validate_model_version(version))
        for one in entries.versions(self.ledger, name):
            if one.fields["version"] == number:
                return one
        raise MlflowException(
            f"Model Version (name={name}, version={number}) not found", RESOURCE_DOES_NOT_EXIST
        )

    def _origin(self, source: str, model_id: str | None) -> tuple[str, str | None]:
        """Return where the files of a new version are, and the run that made them."""
        place = source
        if urlsplit(source).scheme == "models":
            parsed = _parse_model_uri(source)
            try:
                if parsed.model_id is None:
                    place = self.get_model_version_download_uri(
                        str(parsed.name), str(parsed.version)
                    )
                else:
                    model_id = parsed.model_id
                    place = self._logged_model(model_id).artifact_location
            except Exception as error:
                raise MlflowException(
                    f"Unable to fetch model from model URI source artifact location '{source}'."
                    f"Error: {error}"
                ) from error
        made = self._logged_model(model_id) if model_id else None
        return place, made.source_run_id if made else None

    def _logged_model(self, model_id: str) -> LoggedModel:
        """Return a logged model of this store, or of the one in which the runs are."""
        runs_uri = self.tracking_uri or mlflow.get_tracking_uri()
        elsewhere = (
            urlsplit(runs_uri).scheme != SCHEME or folder_of(runs_uri) != self.ledger.store.root
        )
        if elsewhere and not models.is_there(self.ledger, model_id):
            return MlflowClient(tracking_uri=runs_uri).get_logged_model(model_id)
        found = models.find(self.ledger, model_id)
        return models.entities_of(self.ledger, [found], self.artifacts)[0]
