"""The SAM template: parameters and intrinsic functions resolved, and the one streaming function in it."""
