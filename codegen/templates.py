"""The templates of openapi-python-client, with the few lines that this project writes otherwise.

The generator lets a project replace whole templates. A copy would lack the corrections of the generator's next
release. So each template is read from the installed generator, and a line that is no longer there is an error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import openapi_python_client

from codegen.errors import CodegenError

_INSTALLED: Final = Path(openapi_python_client.__file__).with_name("templates")


class Edit(NamedTuple):
    """One passage of a template, which stands there once, and the passage in its place."""

    template: str
    old: str
    new: str


# A type checker narrows a union with `is` only to the member of an enum. The member also keeps its identity when it
# is copied or unpickled.
_UNSET: Final = '''\
class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "UNSET"

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "UNSET"

    __str__ = __repr__


UNSET: Final = Unset.UNSET
"""The value of a field that the server did not send. It is false."""


@recursive_repr()
def model_repr(model: Any) -> str:
    """The text of a model for people, with the fields that are set."""
    names = [field.name for field in fields(type(model))]
    values = {name: getattr(model, name) for name in names}
    if not values.get("additional_properties", True):
        del values["additional_properties"]
    shown = ", ".join(f"{name}={value!r}" for name, value in values.items() if value is not UNSET)
    return f"{type(model).__name__}({shown})"
'''

_REPR: Final = """\
    def __repr__(self) -> str:
        return _model_repr(self)

"""

_UNKNOWN_FIELDS: Final = """\
    \"\"\"The fields that the document does not describe, by their names.\"\"\"
"""

# The generator writes a function for each field, which is called once and changes nothing.
_VALUES_AS_THEY_ARE: Final = """\
{% macro construct(property, source) %}
{% set ns = namespace(is_changed = false) %}
{% for inner_property in property.inner_properties %}
{% import "property_templates/" + inner_property.template as inner_template %}
{% if inner_template.construct %}{% set ns.is_changed = true %}{% endif %}
{% endfor %}
{% if ns.is_changed %}{{ _construct_with_function(property, source) }}{% else %}
{{ property.python_name }}: {{ property.get_type_string() | as_unembedded_code }} = {{ source }}
{% endif %}
{% endmacro %}

{% macro _construct_with_function(property, source) %}
"""

# The generator imports nested models in each method, because models may contain each other. Imports at the end of the
# module can do that, too, and run once. In the methods they took most of the time in which a poll parses its response.
_IMPORTS_FOR_TYPES: Final = """\
{% for lazy_import in model.lazy_imports | sort %}
{% if loop.first %}
if TYPE_CHECKING:
{% endif %}
  {{ lazy_import }}
{% endfor %}
"""
_IMPORTS_IN_METHOD: Final = """\
    {% for lazy_import in model.lazy_imports | sort %}
        {{ lazy_import }} # noqa: PLC0415
    {% endfor %}
"""
_IMPORTS_AT_END: Final = """\

{% for lazy_import in model.lazy_imports | sort %}
{{ lazy_import }} # noqa: E402
{% endfor %}
"""
_TO_DICT: Final = "    def to_dict(self) -> dict[str, Any]:\n"
_FROM_DICT: Final = "    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:\n"
_LAST_METHOD: Final = """\
        return key in self.additional_properties
    {% endif %}
"""

EDITS: Final = (
    Edit("types.py.jinja", "from http import HTTPStatus\n", "from enum import Enum\nfrom http import HTTPStatus\n"),
    Edit(
        "types.py.jinja",
        "from typing import BinaryIO,",
        "from reprlib import recursive_repr\nfrom typing import Any, Final, BinaryIO,",
    ),
    Edit("types.py.jinja", "from attrs import define\n", "from attrs import define, fields\n"),
    Edit(
        "types.py.jinja",
        "class Unset:\n    def __bool__(self) -> Literal[False]:\n        return False\n\n\nUNSET: Unset = Unset()\n",
        _UNSET,
    ),
    Edit(
        "property_templates/union_property.py.jinja",
        "{% macro construct(property, source) %}\n",
        _VALUES_AS_THEY_ARE,
    ),
    # The underscore keeps the name apart from every name that a document can give.
    Edit(
        "model.py.jinja",
        "from ..types import UNSET, Unset\n",
        "from ..types import UNSET, Unset\nfrom ..types import model_repr as _model_repr\n",
    ),
    Edit("model.py.jinja", "    def to_dict(self)", f"{_REPR}    def to_dict(self)"),
    # `attrs.evolve` copies what the constructor takes, and so keeps the unknown fields.
    Edit(
        "model.py.jinja",
        "_attrs_field(init=False, factory=dict)\n",
        f"_attrs_field(factory=dict, kw_only=True)\n{_UNKNOWN_FIELDS}",
    ),
    Edit("model.py.jinja", _IMPORTS_FOR_TYPES, ""),
    Edit("model.py.jinja", _TO_DICT + _IMPORTS_IN_METHOD, _TO_DICT),
    Edit("model.py.jinja", _FROM_DICT + _IMPORTS_IN_METHOD, _FROM_DICT),
    Edit("model.py.jinja", _LAST_METHOD, _LAST_METHOD + _IMPORTS_AT_END),
)


def write_templates(folder: Path, edits: tuple[Edit, ...] = EDITS) -> None:
    """Writes the edited templates into the folder, which must exist."""
    templates = {name: (_INSTALLED / name).read_text(encoding="utf-8") for name in {edit.template for edit in edits}}
    for name, old, new in edits:
        if templates[name].count(old) != 1:
            raise CodegenError(
                f"the template {name} of the installed openapi-python-client should have these lines once:\n{old}\n"
                "The generator has changed. Compare its template with EDITS in codegen/templates.py."
            )
        templates[name] = templates[name].replace(old, new)
    for name, text in templates.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
