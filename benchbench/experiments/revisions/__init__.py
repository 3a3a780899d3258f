"""Two revisions of one repository: found, checked out beside each other, asked what they have."""
