"""Feeds each operation of a folder of OpenAPI documents through generation and verification."""
