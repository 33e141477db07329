"""Access keys, and the check that a request is signed with one of them."""
