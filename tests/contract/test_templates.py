"""The templates of the generator that this project changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.errors import CodegenError
from codegen.templates import EDITS, Edit, write_templates


def test_each_edit_finds_its_lines_in_the_installed_generator(tmp_path: Path) -> None:
    write_templates(tmp_path)
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.jinja"))
    assert written == ["model.py.jinja", "property_templates/union_property.py.jinja", "types.py.jinja"]
    texts = {name: (tmp_path / name).read_text(encoding="utf-8") for name in written}
    assert [edit for edit in EDITS if edit.new not in texts[edit.template]] == []


@pytest.mark.parametrize("old", ["a line of an older generator\n", "from"])
def test_a_generator_whose_template_has_other_lines_is_an_error_that_says_what_to_compare(
    tmp_path: Path, old: str
) -> None:
    with pytest.raises(CodegenError) as caught:
        write_templates(tmp_path, (Edit("types.py.jinja", old, ""),))
    assert str(caught.value) == (
        "the template types.py.jinja of the installed openapi-python-client should have these lines once:\n"
        f"{old}\nThe generator has changed. Compare its template with EDITS in codegen/templates.py."
    )
    assert [*tmp_path.iterdir()] == []
