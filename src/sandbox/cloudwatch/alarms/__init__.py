"""CloudWatch's alarms: the template's definitions, their evaluation, and what the API says of them."""
