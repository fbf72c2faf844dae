"""Creating a task: the content of a request, when it may be sent again, and the journal. Nothing uses the network."""
