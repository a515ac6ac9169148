"""Pages in HTML: one file each, no network; what they are made of and how it is rendered."""
