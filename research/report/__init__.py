"""The report on the study, as Markdown and as a page."""
