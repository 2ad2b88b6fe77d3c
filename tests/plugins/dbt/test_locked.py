"""Which packages a project is locked to."""

from __future__ import annotations

from pathlib import Path

from plugins.dbt._packages import locked

LOCK = """
packages:
  - name: dbt_utils
    package: dbt-labs/dbt_utils
    version: 1.3.0
  - package: calogica/dbt_expectations
    version: 0.10.4
  - git: https://git.example.org/team/shared.git
    revision: 0123456789abcdef0123456789abcdef01234567
  - local: ../our_macros
  - 7
sha1_hash: 4a1c
"""


def test_each_package_has_its_version_whatever_it_comes_from(tmp_path: Path) -> None:
    project = tmp_path / "dbt"
    project.mkdir()
    assert locked(tmp_path, project) == {}
    (project / "package-lock.yml").write_text(LOCK)
    assert locked(tmp_path, project) == {
        "dbt_expectations": "0.10.4",
        "dbt_utils": "1.3.0",
        "our_macros": "a folder",
        "shared": "0123456789ab",
    }


def test_a_lock_file_that_cannot_be_read_or_lies_elsewhere_says_nothing(tmp_path: Path) -> None:
    project = tmp_path / "dbt"
    project.mkdir()
    (project / "package-lock.yml").write_text("packages: [: {")
    assert locked(tmp_path, project) == {}
    (tmp_path / "outside.yml").write_text(LOCK)
    (project / "package-lock.yml").unlink()
    (project / "package-lock.yml").symlink_to(tmp_path / "outside.yml")
    assert locked(project, project) == {}
