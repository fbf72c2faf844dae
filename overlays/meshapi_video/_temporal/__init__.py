"""The activities of `meshapi_video.temporal`, function by function."""
