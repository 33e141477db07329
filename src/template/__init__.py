"""Reads template.yaml: parameters, intrinsic functions, resources, and the dashboard that a stack has."""
