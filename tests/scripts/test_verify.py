"""scripts/verify.sh."""
