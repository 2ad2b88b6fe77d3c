"""How fast the product is: whole-product measurements against reference runs in the same breath (`make bench`).

Talks to a running product over HTTP only; imports none of the rooms.
"""
