"""HTTP: the routes of sessions and pages, what every route asks of a request, and what every answer carries."""
