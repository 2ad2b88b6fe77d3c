"""Settings come from the environment alone, each is checked, each is documented, and secrets do not stay there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from kestra_web import environment, home, parsing
from kestra_web.environment import SETTINGS, WrongSetting, read
from scripts import settings_table


def test_the_readme_documents_every_setting_as_the_code_has_it() -> None:
    assert settings_table.in_readme() == settings_table.table()


def test_nothing_needs_to_be_set(tmp_path: Path) -> None:
    settings = read({})
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.home == Path.cwd() / "data"
    assert settings.base_url == "http://127.0.0.1:8080"
    assert settings.docker_fallback == "process"


def test_files_lie_in_a_folder_or_in_a_bucket(tmp_path: Path) -> None:
    assert read({}).s3 is None
    assert (read({"KESTRA_WEB_STORAGE": str(tmp_path)}).storage, read({"KESTRA_WEB_STORAGE": str(tmp_path)}).s3) == (tmp_path, None)
    keys = {"KESTRA_WEB_S3_ACCESS_KEY": "a", "KESTRA_WEB_S3_SECRET_KEY": "b"}
    found = read({"KESTRA_WEB_STORAGE": "s3://my-bucket/a/b/", "KESTRA_WEB_S3_ENDPOINT": "https://s3.example.org/", **keys}).s3
    assert found == {
        "bucket": "my-bucket", "prefix": "a/b", "endpoint": "https://s3.example.org", "region": "us-east-1",
        "access_key": "a", "secret_key": "b",
    }  # fmt: skip
    assert all(environment.is_secret(name) for name in keys)


def test_a_bucket_needs_a_library_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(WrongSetting, match=r"pip install 'kestra-web\[s3\]'"):
        read({"KESTRA_WEB_STORAGE": "s3://my-bucket"})


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("PORT", "http", "write a port between 1 and 65535"),
        ("PORT", "65536", "write a port between 1 and 65535"),
        ("KESTRA_WEB_URL", "dbt.example.org", "write an address such as https://dbt.example.org"),
        ("KESTRA_WEB_URL", "https://example.org/dbt", "write an address such as https://dbt.example.org"),
        ("KESTRA_WEB_SECRET_KEY", "short", "write 32 random characters or more"),
        ("KESTRA_WEB_ENCRYPTION_KEYS", "bm90IDMyIGJ5dGVz", "every key is 32 random bytes in URL-safe base64"),
        ("DATABASE_URL", "mysql://localhost/x", "write postgresql://user:password@host:5432/name"),
        ("DATABASE_URL", "postgresql://localhost", "the name of the database is missing"),
        ("REDIS_URL", "localhost:6379", "write redis://host:6379/0"),
        ("KESTRA_WEB_WORKER_CONCURRENCY", "0", "write a whole number above 0"),
        ("KESTRA_WEB_RUN_AS", "nobody-of-that-name", "there is no such account"),
        ("DOCKER_HOST", "localhost:2375", "write unix:///path/docker.sock or tcp://host:2375"),
        ("DOCKER_HOST", "unix://", "write unix:///path/docker.sock or tcp://host:2375"),
        ("KESTRA_WEB_DOCKER_FALLBACK", "maybe", "write one of process, fail"),
        ("KESTRA_WEB_DEMO", "perhaps", "write true or false"),
        ("KESTRA_WEB_TIME_ZONE", "Mars/Olympus", "write a time zone such as Europe/Paris"),
        ("KESTRA_WEB_TIME_ZONE", "/etc/passwd", "write a time zone such as Europe/Paris"),
        ("KESTRA_WEB_MAX_UPLOAD", "lots", "write a size such as 100MB"),
        ("KESTRA_WEB_RETAIN_LOGS", "a month", "write a span such as 30d, 12h or 0"),
        ("KESTRA_WEB_GLOBALS", "[1]", "write a JSON object"),
        ("KESTRA_WEB_GLOBALS", "{", "Expecting property name"),
        ("KESTRA_WEB_STORAGE", "s3://", "write s3://bucket or s3://bucket/prefix"),
        ("KESTRA_WEB_STORAGE", "s3://Bucket_1/x", "write s3://bucket or s3://bucket/prefix"),
        ("KESTRA_WEB_S3_ENDPOINT", "minio:9000", "write an address such as"),
        ("KESTRA_WEB_LOG_LEVEL", "chatty", "write one of debug, info, warning, error"),
    ],
)
def test_a_wrong_value_is_refused_with_advice(name: str, value: str, advice: str) -> None:
    with pytest.raises(WrongSetting, match=f"^{name}") as refused:
        read({name: value})
    assert advice in str(refused.value)


@pytest.mark.parametrize("name", [name for name, setting in SETTINGS.items() if setting.secret and setting.parse is not parsing.text])
def test_a_wrong_secret_is_not_shown(name: str) -> None:
    with pytest.raises(WrongSetting) as refused:
        read({name: "hush-hush"})
    assert "hush-hush" not in str(refused.value)


def test_values_are_read_as_what_they_mean(tmp_path: Path) -> None:
    key = Fernet.generate_key().decode()
    settings = read(
        {
            "KESTRA_WEB_URL": "https://dbt.example.org/",
            "KESTRA_WEB_ENCRYPTION_KEYS": f"{key}, {key}",
            "KESTRA_WEB_MAX_UPLOAD": "2 GB",
            "KESTRA_WEB_RETAIN_LOGS": "12h",
            "KESTRA_WEB_RUN_AS": "1000:2000",
            "KESTRA_WEB_DOCKER_VOLUMES": f"{tmp_path}, /srv",
            "KESTRA_WEB_GLOBALS": '{"region": "eu"}',
            "KESTRA_REGION": "eu",
            "SECRET_TOKEN": "aHVzaA==",
        }
    )
    assert settings.base_url == "https://dbt.example.org"
    assert settings.hosts == ["localhost", "127.0.0.1", "[::1]", "dbt.example.org"]
    assert settings.encryption_keys == (key, key)
    assert (settings.max_upload, settings.retain_logs) == (2_000_000_000, 43_200)
    assert settings.run_as == (1000, 2000)
    assert settings.docker_volumes == (tmp_path, Path("/srv"))
    assert settings.globals == {"region": "eu"}
    assert settings.envs == {"region": "eu"}
    assert settings.secrets == {"TOKEN": "aHVzaA=="}


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 40 + "\n")
    assert read({"KESTRA_WEB_SECRET_KEY_FILE": str(tmp_path / "key")}).secret_key == "k" * 40
    with pytest.raises(WrongSetting, match="cannot be read: No such file"):
        read({"KESTRA_WEB_SECRET_KEY_FILE": str(tmp_path / "lost")})
    with pytest.raises(WrongSetting, match="they exclude each other"):
        read({"KESTRA_WEB_SECRET_KEY_FILE": str(tmp_path / "key"), "KESTRA_WEB_SECRET_KEY": "k" * 40})


def test_secrets_leave_the_environment_and_travel_by_descriptor() -> None:
    variables = {
        "PATH": "/bin",
        "DATABASE_URL": "postgresql://u:p@h/n",
        "SECRET_X": "eA==",
        "KESTRA_WEB_SECRET_KEY": "k" * 40,
        "KESTRA_WEB_HOME": "x",
    }
    taken = environment.take_secrets(variables)
    assert variables == {"PATH": "/bin", "KESTRA_WEB_HOME": "x"}
    variables[environment.SECRETS_FD] = str(environment.offer_secrets(taken))
    assert environment.take_secrets(variables) == taken
    assert variables == {"PATH": "/bin", "KESTRA_WEB_HOME": "x"}


def test_keys_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    settings = read({"KESTRA_WEB_HOME": str(tmp_path / "home")})
    home.prepare(settings)
    made = home.secret_key(settings), home.encryption_keys(settings)
    assert (home.secret_key(settings), home.encryption_keys(settings)) == made
    assert len(made[0]) >= 32
    Fernet(made[1][0])
    for name in ("secret_key", "encryption_key"):
        assert (tmp_path / "home" / "keys" / name).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


@pytest.mark.root
def test_another_account_of_tasks_enters_only_what_tasks_need(tmp_path: Path) -> None:
    settings = read({"KESTRA_WEB_HOME": str(tmp_path / "home"), "KESTRA_WEB_RUN_AS": "65534:65534"})
    home.prepare(settings)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "home").iterdir()}
    assert {name for name, mode in modes.items() if mode & 0o077} == {"working", "environments", "warehouse", "git", "dbt"}
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o711
    assert (tmp_path / "home" / "warehouse").stat().st_uid == 65534
    assert os.geteuid() == 0
