"""The parts of `meshapi_video.celery`."""
