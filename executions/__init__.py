"""Running flows and watching them: store, executor, worker, logbook, triggers, Gantt, logs, consumers.

May import flows, kv, namespaces, plugins, ui and engine.
"""
