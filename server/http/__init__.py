"""HTTP: all routes, what every route asks of a request, and what every answer carries."""
