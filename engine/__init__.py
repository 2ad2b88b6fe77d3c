"""What a flow means: document, parser, inputs, expressions, states, machine.

Imports nothing of ours. No Django, no I/O, no clock, no random numbers: time and identity come in as arguments.
"""
