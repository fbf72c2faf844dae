"""From the published document to the generated packages; imports neither SDK nor sandbox."""
