"""What other tools kept, brought into a store, and the way back.

A format is a package, or a module, that turns what it finds into `entry.Entry` values; `writing`
puts these into a store, and only what the store does not have yet.
"""
