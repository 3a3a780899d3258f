"""What plugins promise, and how they are found."""
