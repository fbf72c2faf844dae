"""Makes the generated packages from the published document. Imports neither the SDK nor the sandbox."""
