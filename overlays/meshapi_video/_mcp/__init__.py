"""The server for AI clients, which speaks the Model Context Protocol: needs the extra `[mcp]`."""
