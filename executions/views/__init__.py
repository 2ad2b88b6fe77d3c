"""The pages about executions: home, the list of flows, Execute, the list of executions, the tabs of one execution, its buttons."""
