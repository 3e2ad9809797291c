"""The half of MlflowClient that is about registered models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError
from tracksite.tracking import registry, versions
from tracksite.tracking.paging import page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracksite.tracking.entities import ModelVersion, PagedList, RegisteredModel
    from tracksite.tracking.kinds import Value


class RegistryClient:
    """Registered models and their versions, with the signatures of MLflow's client."""

    def create_registered_model(
        self, name: str, tags: Mapping[str, Any] | None = None, description: str | None = None
    ) -> RegisteredModel:
        """Create a registered model without versions."""
        return registry.create_registered_model(name, tags=tags, description=description)

    def update_registered_model(self, name: str, description: str | None = None) -> RegisteredModel:
        """Set the description of a registered model."""
        return registry.update_registered_model(name, description or "")

    def delete_registered_model(self, name: str) -> None:
        """Hide a registered model and its versions."""
        registry.delete_registered_model(name)

    def get_registered_model(self, name: str) -> RegisteredModel:
        """Return one registered model."""
        return versions.get_registered_model(name)

    def search_registered_models(
        self,
        filter_string: str | None = None,
        max_results: int = 100,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[RegisteredModel]:
        """Return a page of registered models; see `tracksite.search_registered_models`."""
        return page(
            lambda count: versions.search_registered_models(
                filter_string=filter_string, order_by=order_by, max_results=count
            ),
            max_results,
            page_token,
        )

    def set_registered_model_tag(self, name: str, key: str, value: Value) -> None:
        """Set one tag of a registered model."""
        registry.set_registered_model_tag(name, key, value)

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Remove a tag of a registered model."""
        registry.delete_registered_model_tag(name, key)

    def set_registered_model_alias(self, name: str, alias: str, version: int | str) -> None:
        """Point an alias at a version."""
        registry.set_registered_model_alias(name, alias, version)

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Remove an alias."""
        registry.delete_registered_model_alias(name, alias)

    def get_latest_versions(self, name: str, stages: list[str] | None = None) -> list[ModelVersion]:
        """Return the newest version in each stage, or in each of `stages`."""
        return versions.get_latest_versions(name, stages)

    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Mapping[str, Any] | None = None,
        description: str | None = None,
    ) -> ModelVersion:
        """Make a logged model the next version of a registered model that exists.

        Args:
            name: of the registered model.
            source: `runs:/<run_id>/<path>`, a `models:/` URI, or a folder of a run's artifacts.
            run_id: of the run that made it, where `source` is a path.
            tags: of the version.
            description: of the version, Markdown.
        """
        versions.get_registered_model(name)
        uri = versions.uri_of(source, run_id)
        return registry.register_model(uri, name, tags=tags, description=description)

    def copy_model_version(self, src_model_uri: str, dst_name: str) -> ModelVersion:
        """Make a version of one registered model the next version of another.

        Raises:
            ArgumentError: `src_model_uri` is no `models:/` URI.
        """
        if not str(src_model_uri).startswith("models:"):
            raise ArgumentError(
                f"copy_model_version() got {src_model_uri!r}: pass a models:/ URI of a version."
            )
        return registry.register_model(src_model_uri, dst_name)

    def get_model_version(self, name: str, version: int | str) -> ModelVersion:
        """Return one version."""
        return versions.get_model_version(name, version)

    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """Return the version that an alias points at."""
        return versions.get_model_version_by_alias(name, alias)

    def get_model_version_download_uri(self, name: str, version: int | str) -> str:
        """Return `runs:/<run_id>/<path>` of a version's model."""
        found = versions.get_model_version(name, version)
        return f"runs:/{found.run_id}/{found.source}"

    def get_model_version_stages(self, name: str, version: int | str) -> list[str]:
        """Return the stages that a version can be in."""
        versions.get_model_version(name, version)
        return list(versions.STAGES)

    def search_model_versions(
        self,
        filter_string: str | None = None,
        max_results: int = 10_000,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[ModelVersion]:
        """Return a page of model versions; see `tracksite.search_model_versions`."""
        return page(
            lambda count: versions.search_model_versions(
                filter_string=filter_string, order_by=order_by, max_results=count
            ),
            max_results,
            page_token,
        )

    def transition_model_version_stage(
        self,
        name: str,
        version: int | str,
        stage: str,
        archive_existing_versions: bool = False,  # noqa: FBT001, FBT002 - MLflow's signature
    ) -> ModelVersion:
        """Move a version to a stage."""
        return registry.transition_model_version_stage(
            name, version, stage, archive_existing_versions=archive_existing_versions
        )

    def update_model_version(
        self, name: str, version: int | str, description: str | None = None
    ) -> ModelVersion:
        """Set the description of a version."""
        return registry.update_model_version(name, version, description or "")

    def set_model_version_tag(self, name: str, version: int | str, key: str, value: Value) -> None:
        """Set one tag of a version."""
        registry.set_model_version_tag(name, version, key, value)

    def delete_model_version_tag(self, name: str, version: int | str, key: str) -> None:
        """Remove a tag of a version."""
        registry.delete_model_version_tag(name, version, key)

    def delete_model_version(self, name: str, version: int | str) -> None:
        """Hide a version; its number is not given out again."""
        registry.delete_model_version(name, version)
