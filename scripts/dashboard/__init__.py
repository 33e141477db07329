"""Prints the dashboard of template.yaml as the CloudWatch console takes it."""
