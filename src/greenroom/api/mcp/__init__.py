"""The duplex sessions as tools, resources and a prompt of the Model Context Protocol."""
