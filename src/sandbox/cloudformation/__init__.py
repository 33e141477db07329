"""What CloudFormation knows of the stack that runs."""
