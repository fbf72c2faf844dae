"""The names that openapi-python-client makes: they are the names of the generated Python API."""

from __future__ import annotations

import functools
from pathlib import Path

from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_python_client.parser.properties.schemas import Class
from openapi_python_client.strings import PythonIdentifier
from ruamel.yaml.error import YAMLError

from codegen.document import GENERATOR_CONFIG
from codegen.errors import CodegenError

_PREFIX = "field_"


def client_config(
    source: Path = GENERATOR_CONFIG, package: Path | None = None, content_types: dict[str, str] | None = None
) -> Config:
    """The settings of openapi-python-client, from `generator-config.yml`."""
    settings = _settings(GENERATOR_CONFIG).model_copy()
    settings.content_type_overrides = {**(content_types or {}), **(settings.content_type_overrides or {})}
    return Config.from_sources(settings, MetaType.NONE, source, "utf-8", overwrite=False, output_path=package)


def settings_file() -> Path:
    """The file with these settings."""
    return GENERATOR_CONFIG


@functools.cache
def _settings(path: Path) -> ConfigFile:
    try:
        return ConfigFile.load_from_path(path)
    # pydantic raises ValueError for a wrong setting, and Python TypeError for a file that is no mapping.
    except (YAMLError, ValueError, TypeError) as error:
        raise CodegenError(f"{path.name} is not valid: {error}") from error


def python_name(name: object, *, raw: bool = False) -> str:
    """The Python name that openapi-python-client makes from a name, or from one of two names that would be the same."""
    return str(PythonIdentifier(str(name), _PREFIX, skip_snake_case=raw))


def class_name(name: object) -> str:
    """The name of the class that openapi-python-client makes for a component schema."""
    return str(Class.from_string(string=str(name), config=client_config()).name)


def setting_of(class_name: str) -> str:
    """The key in `class_overrides` that gives, or would give, a class its name."""
    given = client_config().class_overrides
    return next((key for key, each in given.items() if each.class_name == class_name), class_name)
