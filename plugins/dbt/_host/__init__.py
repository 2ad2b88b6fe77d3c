"""The dbt host: a process that has dbt loaded, and forks for each command. It runs in dbt's own environment, so all in this folder uses
the standard library and dbt alone, and Python from 3.9 on. `client.py` stands in for the program `dbt` and hands commands over."""
