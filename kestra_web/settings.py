"""Django's settings, all of them made from `kestra_web.environment`: nothing is configured by editing this file."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from kestra_web import databases, environment, home

ENVIRONMENT = environment.current()
BASE_DIR = Path(__file__).resolve().parent.parent
HOME = home.prepare(ENVIRONMENT)

SECRET_KEY = home.secret_key(ENVIRONMENT)
DEBUG = False
ALLOWED_HOSTS = ENVIRONMENT.hosts

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "channels",
    "ui",
    "namespaces",
    "kv",
    "flows",
    "executions",
    "catalog",
    "workspace",
    "api",
]

MIDDLEWARE = [
    "kestra_web.security.SecurityHeaders",
    "kestra_web.static.StaticFiles",
    "kestra_web.uploads.BodyLimit",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "ui.errors.ErrorMiddleware",
]

ROOT_URLCONF = "kestra_web.urls"
ASGI_APPLICATION = "kestra_web.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "ui.context.frame",
            ],
        },
    }
]

DATABASES = {"default": databases.configuration(ENVIRONMENT)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "namespaces.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/signin/"
LOGIN_REDIRECT_URL = "/"

# Browsers keep cookies by host name whatever the port: without the port in their names, two copies on one machine sign each other out.
SECURE = ENVIRONMENT.base_url.startswith("https://")
COOKIE_PORT = urlsplit(ENVIRONMENT.base_url).port or (443 if SECURE else 80)
SESSION_COOKIE_NAME = f"kestra_web_{COOKIE_PORT}"
SESSION_COOKIE_SECURE = SECURE
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = f"kestra_web_csrf_{COOKIE_PORT}"
CSRF_COOKIE_SECURE = SECURE
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "ui.errors.csrf_failure"
CSRF_TRUSTED_ORIGINS = [ENVIRONMENT.base_url]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE else None
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = ENVIRONMENT.time_zone

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
DATA_UPLOAD_MAX_MEMORY_SIZE = ENVIRONMENT.max_upload
FILE_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000

REDIS_URL = ENVIRONMENT.redis_url or "redis://127.0.0.1:6379/0"
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        # A consumer waits five seconds for a message; the client's own time limit of five seconds would end it in the middle.
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": 30}], "capacity": 1500, "expiry": 30},
    }
}

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
# A page must not wait for a broker that is away: what it could not send is found again by the scheduler.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "health_check_interval": 10,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_DEFAULT_QUEUE = "kestra_web"
KESTRA_BRIEF_QUEUE = "kestra_web.brief"  # for what takes a moment: it must not wait behind what takes hours
CELERY_TASK_ROUTES = {f"executions.{kind}": {"queue": KESTRA_BRIEF_QUEUE} for kind in ("run_cheap", "carry_out")}
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_ENABLE_UTC = True
CELERY_TIMEZONE = "UTC"

# What the rooms read: they may not import `kestra_web`, so every setting that they need stands here.
KESTRA_HOME = HOME
KESTRA_URL = ENVIRONMENT.base_url
KESTRA_STORAGE = ENVIRONMENT.storage if isinstance(ENVIRONMENT.storage, Path) else HOME / "storage"
KESTRA_S3 = ENVIRONMENT.s3
KESTRA_WORK = HOME / "working"
KESTRA_ENVIRONMENTS = HOME / "environments"
KESTRA_WAREHOUSE = HOME / "warehouse"
KESTRA_GIT_FOLDERS = [HOME / "git", *ENVIRONMENT.git_folders]
KESTRA_DOCKER_HOST = ENVIRONMENT.docker_host
KESTRA_DOCKER_FALLBACK = ENVIRONMENT.docker_fallback
KESTRA_DOCKER_VOLUMES = [f"{KESTRA_WAREHOUSE}:{KESTRA_WAREHOUSE}", *ENVIRONMENT.docker_volumes]  # `a:a` is always mounted
KESTRA_RUN_AS = ENVIRONMENT.run_as
KESTRA_DBT_WARM = ENVIRONMENT.dbt_warm == "auto"
KESTRA_DBT_WARM_MEMORY = ENVIRONMENT.dbt_warm_memory
KESTRA_ENCRYPTION_KEYS = list(home.encryption_keys(ENVIRONMENT))
KESTRA_WORKER_CONCURRENCY = ENVIRONMENT.worker_concurrency
KESTRA_TEST_TYPES = ENVIRONMENT.test_types
KESTRA_GLOBALS = ENVIRONMENT.globals
KESTRA_PLUGIN_DEFAULTS = ENVIRONMENT.plugin_defaults
KESTRA_ENVS = ENVIRONMENT.envs
KESTRA_ENV_SECRETS = ENVIRONMENT.secrets
# Bytes, lines and seconds; 0 seconds is for ever.
KESTRA_LIMITS = {
    "upload_bytes": ENVIRONMENT.max_upload,
    "file_bytes": ENVIRONMENT.max_file,
    "output_bytes": 1_048_576,
    "log_lines": ENVIRONMENT.max_log_lines,
    "environment_bytes": ENVIRONMENT.max_environments,
    "retain_executions": ENVIRONMENT.retain_executions,
    "retain_logs": ENVIRONMENT.retain_logs,
    "retain_outputs": ENVIRONMENT.retain_outputs,
    "retain_versions": ENVIRONMENT.retain_versions,
    "versions": ENVIRONMENT.max_versions,
    "retain_working": ENVIRONMENT.retain_working,
    "retain_environments": ENVIRONMENT.retain_environments,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(levelname)-7s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": ENVIRONMENT.log_level.upper()},
    "loggers": {
        "django.channels.server": {"level": "WARNING"},
        "daphne": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
        "docker": {"level": "WARNING"},
        "urllib3": {"level": "WARNING"},
        "git": {"level": "WARNING"},
    },
}
