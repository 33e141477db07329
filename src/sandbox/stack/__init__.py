"""The SAM template: parameters and intrinsic functions resolved, its streaming function and its schedules."""
