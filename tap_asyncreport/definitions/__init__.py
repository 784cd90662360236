"""The definitions that ship with the package, a YAML file each; see the docs for how to write one."""
