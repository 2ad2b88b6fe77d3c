"""What rooms above this one may hear of, within the transaction in which it happens."""

from django.dispatch import Signal

# A task run has answered and kept files. Arguments: `execution` (the engine's value), `task_run_id`, and `files` ({name: kestra:/// URI}).
files_kept = Signal()
