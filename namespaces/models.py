"""People, the namespaces they belong to, and the secrets kept there."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils import timezone


class Role(models.TextChoices):
    """What a member may do in a namespace and everything below it; each includes the ones after it."""

    OWNER = "owner", "Owner"
    MEMBER = "member", "Member"
    READER = "reader", "Reader"


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, *, is_admin: bool = False, name: str = "") -> User:
        """A person who can sign in; without a password they cannot until one is set."""
        user = self.model(email=self.normalize_email(email).strip(), is_admin=is_admin, name=name)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """Someone who signs in by e-mail address. An administrator may do everything everywhere."""

    email = models.EmailField(unique=True, max_length=254)
    name = models.CharField(max_length=150, blank=True)
    is_admin = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    must_change_password = models.BooleanField(default=False)
    created = models.DateTimeField(default=timezone.now)
    settings = models.JSONField(default=dict, blank=True)  # theme, nav, single-key shortcuts…

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.name or self.email


class ApiToken(models.Model):
    """A key for programs: 256 random bits shown once, kept as one SHA-256."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    prefix = models.CharField(max_length=12)
    created = models.DateTimeField(default=timezone.now)
    expires = models.DateTimeField(null=True, blank=True)
    last_used = models.DateTimeField(null=True, blank=True)
    revoked = models.DateTimeField(null=True, blank=True)


class SignInFailure(models.Model):
    """A wrong password, remembered for as long as it counts towards a pause."""

    account = models.CharField(max_length=254)
    address = models.CharField(max_length=64)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["account", "at"], name="failure_account"),
            models.Index(fields=["address", "at"], name="failure_address"),
        ]


class Namespace(models.Model):
    """A node of the tree; `company.team` lies below `company`. Parents exist implicitly."""

    name = models.CharField(max_length=150, unique=True)
    description = models.TextField(blank=True)
    variables = models.JSONField(default=dict, blank=True)
    plugin_defaults = models.JSONField(default=list, blank=True)
    created = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name


class Member(models.Model):
    """A person's role in a namespace, inherited by everything below it."""

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)
    created = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["namespace", "user"], name="one_role_per_member")
        ]


class Secret(models.Model):
    """A write-only value of a namespace, encrypted at rest."""

    namespace = models.CharField(max_length=150)
    key = models.CharField(max_length=150)
    ciphertext = models.BinaryField()
    description = models.CharField(max_length=300, blank=True)
    created = models.DateTimeField(default=timezone.now)
    changed = models.DateTimeField(default=timezone.now)
    changed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["namespace", "key"], name="one_secret_per_key")
        ]


class Connection(models.Model):
    """How flows of a namespace, and of those below it, reach a warehouse: an adapter of dbt with its fields, the secret ones encrypted."""

    class Test(models.TextChoices):
        """How the last try to connect ended."""

        NONE = "", "not tested"
        RUNNING = "running", "testing"
        OK = "ok", "works"
        FAILED = "failed", "failed"

    namespace = models.CharField(max_length=150)
    name = models.CharField(max_length=100)
    adapter = models.CharField(max_length=50)
    fields = models.JSONField(default=dict)
    ciphertext = models.BinaryField(default=bytes)  # a JSON map of the secret fields
    description = models.CharField(max_length=300, blank=True)
    is_default = models.BooleanField(default=False)
    protected = models.BooleanField(default=False)
    personal = models.BooleanField(default=False)
    changed = models.DateTimeField(default=timezone.now)
    changed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    test = models.CharField(max_length=10, choices=Test.choices, default=Test.NONE, blank=True)
    tested = models.DateTimeField(null=True)
    test_log = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["namespace", "name"], name="one_connection_per_name")
        ]


class SyncPoint(models.Model):
    """What a folder of a namespace and a folder of a Git branch had in common when they last met: ids of contents by path."""

    namespace = models.CharField(max_length=150)
    folder = models.CharField(max_length=1024, blank=True)
    remote = models.CharField(max_length=1024)
    branch = models.CharField(max_length=255)
    directory = models.CharField(max_length=1024, blank=True)
    commit = models.CharField(max_length=64)
    blobs = models.JSONField(default=dict)
    changed = models.DateTimeField(default=timezone.now)
    brought = models.DateTimeField(null=True)  # when the branch last came to the namespace

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["namespace", "folder", "remote", "directory", "branch"], name="one_sync_point_per_place")
        ]


class Repository(models.Model):
    """The Git repository that a namespace is bound to, and how to reach it.

    Credentials are the keys of secrets, never their values. `protected` are patterns of branches that nobody pushes to from here.
    """

    namespace = models.CharField(max_length=150, unique=True)
    url = models.CharField(max_length=1024)
    default_branch = models.CharField(max_length=255, default="main")
    directory = models.CharField(max_length=1024, blank=True)
    username = models.CharField(max_length=150, blank=True)
    password_secret = models.CharField(max_length=150, blank=True)
    key_secret = models.CharField(max_length=150, blank=True)
    passphrase_secret = models.CharField(max_length=150, blank=True)
    protected = models.JSONField(default=list)
    fetched = models.DateTimeField(null=True)
    changed = models.DateTimeField(default=timezone.now)
    changed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")


class Deployment(models.Model):
    """A commit whose files and flows became those of a namespace; the newest row of a namespace is what it runs.

    `origin` is the namespace whose repository has the commit. `files` are ids of contents by path, and `flows` ids, that it brought;
    `version` is the last version of a file that there was then.
    """

    namespace = models.CharField(max_length=150)
    origin = models.CharField(max_length=150)
    branch = models.CharField(max_length=255, blank=True)
    commit = models.CharField(max_length=64)
    subject = models.CharField(max_length=200, blank=True)
    files = models.JSONField(default=dict)
    flows = models.JSONField(default=list)
    version = models.BigIntegerField(default=0)
    author = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["namespace", "-id"], name="deployment_namespace")]


class Deletion(models.Model):
    """A file or folder that somebody deleted and that may be brought back; `folders` are those that went, itself among them."""

    namespace = models.CharField(max_length=150)
    place = models.CharField(max_length=400)
    path = models.CharField(max_length=1024)
    folders = models.JSONField(default=list)
    files = models.IntegerField(default=0)
    size = models.BigIntegerField(default=0)
    author = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    execution = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField(default=timezone.now)
    restored = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["namespace", "place", "-at"], name="deletion_place")]


class FileVersion(models.Model):
    """What a file of a namespace held from some moment on, or held when it went away. Rows are only added, until they are too old.

    `place` is the key of the copy, `other` the path before or after a move, or the number of the version that was brought back.
    """

    class Reason(models.TextChoices):
        """How this version came to be."""

        SAVED = "saved", "saved"
        UPLOADED = "uploaded", "uploaded"
        FOUND = "found", "found on disk"
        SYNCED = "synced", "brought from Git"
        MERGED = "merged", "merged"
        ASIDE = "aside", "kept aside"  # what somebody wanted to save and others had changed meanwhile: never what the file held
        RESTORED = "restored", "restored"
        REPLACED = "replaced", "replaced in several files"
        MOVED = "moved", "moved here"
        AWAY = "away", "moved away"
        DELETED = "deleted", "deleted"

    namespace = models.CharField(max_length=150)
    place = models.CharField(max_length=400)
    path = models.CharField(max_length=1024)
    number = models.IntegerField()
    blob = models.CharField(max_length=40)
    size = models.BigIntegerField()
    reason = models.CharField(max_length=10, choices=Reason.choices)
    other = models.CharField(max_length=1024, blank=True)
    author = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    execution = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField(default=timezone.now)
    deletion = models.ForeignKey(Deletion, null=True, on_delete=models.CASCADE, related_name="versions")

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["namespace", "place", "path", "-id"], name="version_path"),
            models.Index(fields=["namespace", "blob"], name="version_blob"),
        ]

    @property
    def is_gone(self) -> bool:
        """Whether the file went away with this content."""
        return self.reason in (self.Reason.AWAY, self.Reason.DELETED)

    @property
    def was_there(self) -> bool:
        """Whether the file held this from then on."""
        return not self.is_gone and self.reason != self.Reason.ASIDE


class Draft(models.Model):
    """What somebody typed into a file and did not save; `base` is the id of the content that it began as, empty for a new file."""

    namespace = models.CharField(max_length=150)
    place = models.CharField(max_length=400)
    path = models.CharField(max_length=1024)
    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    base = models.CharField(max_length=40, blank=True)
    text = models.TextField()
    changed = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["namespace", "place", "path", "person"], name="one_draft_per_person")
        ]
