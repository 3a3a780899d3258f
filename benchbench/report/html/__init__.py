"""The page: one HTML file that holds everything and loads nothing."""
